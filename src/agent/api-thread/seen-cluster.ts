// How long a view of the cluster may be shown after etcd was last heard.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import { type Seen, unseen } from '../../model/seen.ts'
import type { Millis } from '../../model/units.ts'

export function clusterWithin(cluster: Seen<ClusterView>, ageMs: Millis, ttlMs: Millis): Seen<ClusterView> {
  return ageMs <= ttlMs ? cluster : unseen(`etcd was last seen ${Math.round(ageMs / 1000)} s ago`)
}
