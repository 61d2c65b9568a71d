// What an endpoint gets that the API answers by itself.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { Seen } from '../model/seen.ts'
import type { Scope } from '../model/units.ts'
import type { NodeReadings } from './node-view.ts'

export interface Asked {
  readonly readings: NodeReadings
  readonly scope: Scope
  /** A linearizable read of the cluster, which clients share. Never rejects. */
  readonly read: () => Promise<Seen<ClusterView>>
}
