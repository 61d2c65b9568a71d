// The role of a member as GET /cluster and patronictl name it: the leader key decides who leads, and the key `sync` who
// is synchronous, whatever a member publishes about itself.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { ReportedRole } from '../model/command/report.ts'
import type { MemberName } from '../model/units.ts'
import type { ClusterModes } from './modes.ts'

type Modes = Pick<ClusterModes, 'synchronousMode' | 'standbyCluster'>

export function roleInCluster(view: ClusterView, name: MemberName, modes: Modes): ReportedRole {
  if (view.leader?.name === name) return modes.standbyCluster ? 'standby_leader' : 'leader'
  return syncDuty(view, name, modes) ?? 'replica'
}

/** null: nobody waits for its acknowledgement. */
export function syncDuty(
  view: ClusterView | null,
  name: MemberName,
  { synchronousMode }: Modes,
): 'sync_standby' | 'quorum_standby' | null {
  if (synchronousMode === 'off' || view === null || !namedInSync(view, name)) return null
  return synchronousMode === 'quorum' ? 'quorum_standby' : 'sync_standby'
}

/** Is `name` one of the standbys in `sync`? Names are compared without regard to case, as PostgreSQL does. */
function namedInSync({ sync }: ClusterView, name: MemberName): boolean {
  const wanted = name.toLowerCase()
  return sync?.value.standbys.some(standby => standby.toLowerCase() === wanted) ?? false
}
