// The members of a cluster as `hactl list` shows them, for commands that show them before and after what they do.

import { reportCluster } from '../../admin/look/cluster-report.ts'
import type { Operator } from '../../admin/use-case.ts'
import type { ClusterView } from '../../model/cluster/cluster.ts'
import { clusterText } from './member-table.ts'

export function clusterTable({ namespace }: Operator, cluster: string, view: ClusterView): string {
  return clusterText(reportCluster(cluster, namespace, view), 'pretty', false)
}
