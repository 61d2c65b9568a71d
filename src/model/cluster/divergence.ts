// What comparing this node with the leader's timeline history says (spec/postgres.md 4.2).

import type { Lsn, Timeline } from '../units.ts'

export interface Divergence {
  /**
   * `twin`: both began a timeline of this number at the same position, and wrote different things: pg_rewind sees no
   * difference.
   */
  readonly verdict: 'same' | 'ancestor' | 'diverged' | 'twin' | 'unproved'
  /** Of `unproved`: the numbers fit, but the WAL that could prove the content is gone. */
  readonly why?: string
  readonly localTimeline: Timeline
  readonly localLsn: Lsn
  readonly leaderTimeline: Timeline
  /** Where the leader's history left our timeline; null when it never was on it. */
  readonly switchLsn: Lsn | null
}
