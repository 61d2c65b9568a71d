// Why the leadership changed hands, and what that cost: hactl's notes beside Patroni's `history`, which has the
// timelines only.

import type { Bytes, MemberName, Millis, Timeline } from '../units.ts'

export const TAKEOVER_CAUSES = [
  /** An operator asked for it. */
  'switchover',
  /** An operator named the next leader, without naming the old one. */
  'failover',
  /** The former leader was silent until its lease ended: its machine, its network or its agent was lost. */
  'lease-ended',
  /** The former leader's PostgreSQL ended or did not start, and it released the lease. */
  'crash',
  /** The former leader's PostgreSQL hung or its disk failed, and it released the lease. */
  'unusable',
  /** The former leader released the lease in good order, e.g. because its agent was stopped. */
  'given-up',
  /** The leader key disappeared in another way, e.g. it was deleted by hand. */
  'unknown',
] as const
export type TakeoverCause = (typeof TAKEOVER_CAUSES)[number]

export interface Takeover {
  readonly cause: TakeoverCause
  /** Who asked for it, if the request says so. */
  readonly by: string | null
  readonly from: MemberName
  /** From the loss of the former leader until this one accepted writes. */
  readonly leaderlessMs: Millis
  /** Bytes missing here of what the former leader last published; null: not known. */
  readonly lostBytes: Bytes | null
}

/** One entry of `hactl/history`. */
export interface TakeoverNote extends Takeover {
  /** The timeline that it ended, as in the line of `history`. */
  readonly timeline: Timeline
  readonly to: MemberName
  /** ISO time by the wall clock of the node that took over. */
  readonly at: string
  /** The interval after this automatic failover is over, by the clock of a leader. Absent: not known. */
  readonly settled?: true
}
