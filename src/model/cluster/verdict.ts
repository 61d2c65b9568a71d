// The verdict on one member by the judge of the candidates (`src/judge/candidates.ts`).

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
