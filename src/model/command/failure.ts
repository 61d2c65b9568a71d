// Every way in which an operator's command can fail, as data. `src/terminal/error-table.ts` turns each kind into an
// exit code, a message and a hint; nothing else prints an error.

import type { CandidateVerdict } from '../cluster/verdict.ts'
import type { Bytes, MemberName, WallMillis } from '../units.ts'

export type Failure =
  | {
      readonly kind: 'usage'
      readonly message: string
      readonly hint: string
      /** The command line itself is wrong: nothing was read or asked yet. */
      readonly isLine?: true
    }
  /** The configuration cannot be read or contradicts itself; all problems are listed. */
  | { readonly kind: 'configuration'; readonly problems: readonly string[]; readonly remedy: string }
  | { readonly kind: 'no-cluster-named' }
  /** The command has questions, but there is no terminal to ask them at. `flags` would answer them. */
  | { readonly kind: 'not-a-terminal'; readonly question: string; readonly flags: string }
  | { readonly kind: 'declined'; readonly what: string }
  /** `request`: the state of the request that was made; absent: none was. `hint`: a special way to go on. */
  | {
      readonly kind: 'interrupted'
      readonly action?: string
      readonly request?: GivenUp
      readonly hint?: string
    }
  /** `memberOf`: the name is a member of this cluster. */
  | {
      readonly kind: 'cluster-not-found'
      readonly cluster: string
      readonly similar: readonly string[]
      readonly memberOf?: string
    }
  | {
      readonly kind: 'member-not-found'
      readonly cluster: string
      readonly member: MemberName
      readonly similar: readonly MemberName[]
      readonly known: readonly MemberName[]
    }
  | { readonly kind: 'config-missing'; readonly cluster: string }
  | { readonly kind: 'no-leader'; readonly cluster: string; readonly why: string }
  | {
      readonly kind: 'not-the-leader'
      readonly cluster: string
      readonly member: MemberName
      readonly leader: MemberName
    }
  /** The cluster's state does not allow it, or a member refused; `reason` says why, with numbers. */
  | { readonly kind: 'refused'; readonly action: string; readonly reason: string; readonly hint: string }
  | {
      readonly kind: 'no-good-candidate'
      readonly action: string
      readonly cluster: string
      readonly verdicts: readonly CandidateVerdict[]
    }
  /** `isDocument: false`: it is not a YAML mapping, so it cannot be stored by force either. */
  | { readonly kind: 'config-invalid'; readonly problems: readonly string[]; readonly isDocument: boolean }
  | { readonly kind: 'conflict'; readonly what: string; readonly hint: string }
  | {
      readonly kind: 'timed-out'
      readonly action: string
      readonly seconds: number
      readonly lastSeen: string
      readonly request: GivenUp
    }
  /** The operation was begun, but its end was not seen. */
  | { readonly kind: 'unfinished'; readonly what: string; readonly hint: string }
  | { readonly kind: 'partly-done'; readonly done: string; readonly missing: string; readonly hint: string }
  /** `mayBeDone`: what may have been written nevertheless, and how to check it; null: nothing. */
  | {
      readonly kind: 'store-unreachable'
      readonly why: string
      readonly mayBeDone?: { readonly what: string; readonly look: string } | null
    }
  | { readonly kind: 'member-unreachable'; readonly member: MemberName; readonly why: string }
  | {
      readonly kind: 'data-loss'
      readonly action: string
      readonly candidate: MemberName
      /** Bytes known to be missing; null: not known. */
      readonly lostBytes: Bytes | null
      readonly why: string
    }
  /** The drop-in's own refusals: whole sentences that scripts know. */
  | { readonly kind: 'patronictl'; readonly message: string }
  | { readonly kind: 'editor'; readonly why: string }
  | {
      readonly kind: 'sql-error'
      readonly member: MemberName
      readonly sqlstate: string
      readonly why: string
    }
  | { readonly kind: 'query-interrupted'; readonly member: MemberName; readonly cancelled: boolean }
  | { readonly kind: 'query-late'; readonly member: MemberName; readonly why: string }
  /** The members that were tried, each with its reason. */
  | { readonly kind: 'no-connection'; readonly members: string }
  /** The drain is noted, but the handover did not succeed. */
  | {
      readonly kind: 'drained-but-leads'
      readonly cluster: string
      readonly member: MemberName
      readonly cause: Failure
    }
  /** `serves`: writes are still accepted; null: not known. */
  | {
      readonly kind: 'unhealthy'
      readonly cluster: string
      readonly serves: boolean | null
      readonly findings: number
    }
  | {
      readonly kind: 'not-reached'
      readonly cluster: string
      readonly seconds: number
      readonly missing: string
    }

/** The state of a request when its command stopped waiting. */
export type GivenUp =
  | { readonly kind: 'withdrawn' }
  /** It goes on without the command. */
  | { readonly kind: 'begun'; readonly by: MemberName }
  /** The stored value stays, and members that have not seen it yet will. */
  | { readonly kind: 'stored'; readonly what: string }
  /** The request is gone: carried out or refused. */
  | { readonly kind: 'gone' }
  /** A leader may still begin it until then; null: at any time. */
  | { readonly kind: 'unknown'; readonly why: string; readonly untilMs: WallMillis | null }

/** The result of a use case. A failure may carry what was found or done nevertheless. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure; readonly value: T | null }

export function done<T>(value: T): Result<T> {
  return { ok: true, value }
}

export function failed<T>(failure: Failure, value: T | null = null): Result<T> {
  return { ok: false, failure, value }
}
