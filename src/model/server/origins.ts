// Who began the timelines that a node's data is on, as the node has noted it where a crash does not take it away. The number
// of a timeline does not say it: two nodes may promote themselves to the same one.

import type { Lsn, MemberName, Timeline } from '../units.ts'

export interface Origin {
  readonly timeline: Timeline
  /** Where it began. */
  readonly at: Lsn
  /** Whose promotion it was: this node's own, or that of the leader which its data was proved to agree with. */
  readonly by: MemberName
}

/** A promotion of this node that was about to be asked for. Whether it came about the data says, or nobody. */
export interface AskedPromotion {
  /** Timeline and position before it; a timeline of null was not known. */
  readonly from: Timeline | null
  readonly at: Lsn
}

export interface Origins {
  /** Of the data that was here when it was noted. */
  readonly systemIdentifier: string
  readonly timelines: readonly Origin[]
  readonly asked: AskedPromotion | null
}
