// The result of comparing this node's data with the leader's timeline history (spec/postgres.md 4.2).

import type { Lsn, Timeline } from '../units.ts'

export interface Divergence {
  /**
   * `twin`: both began a timeline of this number at the same position, with different content, which pg_rewind cannot
   * see.
   */
  readonly verdict: 'same' | 'ancestor' | 'diverged' | 'twin' | 'unproved'
  /** For `unproved`: the timelines match by number, but the WAL that would prove the content is gone. */
  readonly why?: string
  readonly localTimeline: Timeline
  readonly localLsn: Lsn
  readonly leaderTimeline: Timeline
  /** Where the leader's history left the local timeline; null: it was never on it. */
  readonly switchLsn: Lsn | null
}
