// Does this node know how its cluster is configured? If not, it could break a mode, a pause or a lease length that it has not
// heard of. The copy that it finds on its own disk at a start may be old.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { isNewer } from '../model/revision.ts'
import { storeName } from './facts.ts'

/** Why no node can use the document in etcd; null: it can be used, or there is none. */
export function unusableConfiguration(view: ClusterView): string | null {
  return view.config === null || view.config.value.valid ? null : view.config.value.why
}

/** The same, if this process has seen no other document: it then neither leads nor counts as a healthy replica. */
export function missingConfiguration(snap: Snapshot, view: ClusterView): string | null {
  return snap.settingsConfirmed ? null : unusableConfiguration(view)
}

/** The document in etcd is newer than the one in force. It may turn on a pause or a mode, and is applied before the next beat. */
export function isConfigurationNewer({ configRevision }: Snapshot, { config }: ClusterView): boolean {
  return config !== null && isNewer(config.modRevision, configRevision)
}

/** Text for a decision's `reason`. */
export function withoutConfiguration(why: string, snap: Snapshot): string {
  return `the configuration of this cluster in ${storeName(snap)} cannot be used (${why}) and this agent has seen no other`
}
