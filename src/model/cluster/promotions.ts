// The promotions of a cluster, each recorded in etcd before it happens: hactl's own key. PostgreSQL takes the next number
// that it knows of, and a standby does not know of a promotion that it has not seen: without the record two of them could
// begin a timeline of the same number at the same position.

import type { Lsn, MemberName, Timeline } from '../units.ts'

/** A node was about to begin `timeline`. Whether it did is not known, so the number is never given to another node. */
export interface RecordedPromotion {
  readonly timeline: Timeline
  /** Where the node was before it. */
  readonly from: Timeline
  readonly at: Lsn
  readonly by: MemberName
}

export interface Promotions {
  /** Of the data: a new cluster under the same name begins again with timeline 1. */
  readonly systemIdentifier: string
  /** The highest number last. */
  readonly numbers: readonly RecordedPromotion[]
}
