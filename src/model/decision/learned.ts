// Facts that the actions of the current beat have found. A new beat begins with none.

import type { ClusterView } from '../cluster/cluster.ts'
import type { Divergence } from '../cluster/divergence.ts'
import type { Consent } from '../cluster/failsafe.ts'
import type { PeerView } from '../cluster/peer.ts'
import type { Seen } from '../seen.ts'
import type { MemberName } from '../units.ts'
import type { Outcome } from './outcome.ts'

export interface Learned {
  readonly outcomes: readonly Outcome[]
  /** The last linearizable read of this beat. */
  readonly cluster: Seen<ClusterView> | null
  readonly peers: ReadonlyMap<MemberName, Seen<PeerView>> | null
  readonly divergence: Seen<Divergence> | null
  readonly consent: Consent | null
  /** An action changed PostgreSQL: look again. */
  readonly postgresTouched: boolean
}

export const NOTHING_LEARNED: Learned = {
  outcomes: [],
  cluster: null,
  peers: null,
  divergence: null,
  consent: null,
  postgresTouched: true,
}
