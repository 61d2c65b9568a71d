// Which node began each timeline of a node's data, as the node has noted it on disk. The number of a timeline does not
// show that: two nodes may promote themselves to the same one.

import type { Lsn, MemberName, Timeline } from '../units.ts'

export interface Origin {
  readonly timeline: Timeline
  /** Where it began. */
  readonly at: Lsn
  /** The promoted node: this one, or the leader that its data was proved to agree with. */
  readonly by: MemberName
}

/** A promotion that this node was about to request. Only the data may show whether it came about. */
export interface AskedPromotion {
  /** Timeline and position before it; a timeline of null was not known. */
  readonly from: Timeline | null
  readonly at: Lsn
}

export interface Origins {
  /** The system identifier of the data that the notes are about. */
  readonly systemIdentifier: string
  readonly timelines: readonly Origin[]
  readonly asked: AskedPromotion | null
}
