// What the judge says of one member (`src/judge/candidates.ts`), and why it refuses a switchover or failover (`handover.ts`).

import type { Bytes, Lsn, MemberName, Timeline } from '../units.ts'

/** Stable: the operator's JSON carries it. */
export type CandidateCode =
  | 'good'
  | 'nofailover'
  | 'no-api-url'
  | 'not-voter'
  | 'unreachable'
  | 'no-position'
  | 'watchdog'
  | 'runs-as-primary'
  | 'behind'
  | 'timeline-unknown'
  | 'timeline-behind'
  | 'not-streaming'
  | 'unfit'

export interface CandidateVerdict {
  readonly name: MemberName
  readonly code: CandidateCode
  /**
   * One clause with its numbers, e.g. `33554432 bytes behind the leader, more than maximum_lag_on_failover 1048576`.
   */
  readonly reason: string
  readonly position: Lsn | null
  readonly timeline: Timeline | null
  /** Bytes behind the leader's last known position, never negative; null when either end is not known. */
  readonly behindBytes: Bytes | null
  readonly failoverPriority: number
}

/** What is wrong with the request whatever the cluster looks like. */
const REQUEST_REFUSALS = [
  'candidate-required',
  'scheduled-in-pause',
  'candidate-required-in-pause',
  'same-member',
] as const
export type RequestRefusal = (typeof REQUEST_REFUSALS)[number]

/** What the names and modes in the store already say. */
const NAMES_REFUSALS = [
  'no-leader',
  'leader-mismatch',
  'mode-unsupported',
  'candidate-not-in-sync',
  'candidate-unknown',
  'candidate-is-leader',
  'no-sync-standby',
] as const
export type NamesRefusal = (typeof NAMES_REFUSALS)[number]

/** What the members say when they are asked. */
const ANSWERS_REFUSALS = [
  'leader-silent',
  'candidate-unfit',
  'no-candidate',
  'no-other-member',
  'quorum-not-reached',
] as const

/** Stable: a member says it to a command. */
export const REFUSAL_CODES = [...REQUEST_REFUSALS, ...NAMES_REFUSALS, ...ANSWERS_REFUSALS] as const
export type RefusalCode = (typeof REFUSAL_CODES)[number]
