// Failsafe mode (spec/ha.md 5): a primary that cannot reach the store goes on while every other member agrees. A member
// that agrees makes a promise: for one ttl it does not become the leader.

import type { BootMillis, Lsn, MemberName, Millis, Revision } from '../units.ts'

/** Value of the `failsafe` key: the api_url of each member by name. */
export type FailsafeMembers = Readonly<Record<MemberName, string>>

/** Body of POST /failsafe: the primary that asks. */
export interface FailsafePing {
  readonly name: MemberName
  readonly connUrl: string
  readonly apiUrl: string
  readonly slots: Readonly<Record<string, Lsn>>
}

/** This node agreed that another one goes on as the primary. */
export interface FailsafePromise extends FailsafePing {
  /** When the question came. */
  readonly atMs: BootMillis
  /** Until then this node does not become the leader. */
  readonly untilMs: BootMillis
}

/** What this node owes to primaries that asked it. */
export interface Promises {
  /** The last promise, even if it is over; null: none since this process began. */
  readonly last: FailsafePromise | null
  /**
   * Until then a promise that an earlier run of this agent made, and that is forgotten, may be in force, also when the mode
   * has been switched off since.
   */
  readonly earlierUntilMs: BootMillis
  /**
   * The mode is off: until then a promise that some member made while it was on may be in force, and its primary, which is
   * cut off, has not heard of the change. null: the mode is on.
   */
  readonly offUntilMs: BootMillis | null
}

/** A member that agreed. */
export interface FailsafeAcceptance {
  /** For how long it promises not to lead; null: it runs Patroni, which does not say that and waits for one ttl. */
  readonly holdsMs: Millis | null
}

/** A member that did not agree, or did not answer. */
export interface FailsafeRefusal {
  readonly name: MemberName
  readonly why: string
}

/** The result of one question to all other members. */
export interface Consent {
  readonly sentAtMs: BootMillis
  readonly endedAtMs: BootMillis
  readonly asked: readonly MemberName[]
  /** Empty: all have agreed. */
  readonly refusals: readonly FailsafeRefusal[]
}

/** What a node knows of the `failsafe` key, also while the store is away. */
export interface FailsafeMemory {
  /** The content that the store had when it was last seen; null: none, or none that can be read. */
  readonly members: FailsafeMembers | null
  /**
   * Content that this node has sent to the store and has not seen there. While the key is still at `ifRevision`, the
   * store may take it at any moment: its members count as well.
   */
  readonly sent: { readonly members: FailsafeMembers; readonly ifRevision: Revision | null } | null
  /** The last question since the store confirmed the lease; null: none. */
  readonly asked: Consent | null
}

export const NO_FAILSAFE_MEMORY: FailsafeMemory = {
  members: null,
  sent: null,
  asked: null,
}

export function sameMembers(a: FailsafeMembers | null, b: FailsafeMembers | null): boolean {
  if (a === null || b === null) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => Object.hasOwn(b, name) && a[name] === b[name])
  )
}
