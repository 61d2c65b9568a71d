// Whether this node knows how its cluster is configured: a mode, a pause or a lease that it does not know of must not be
// broken by it. What it finds on its own disk at a start may be old.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { isNewer } from '../model/revision.ts'

/** Why the document in etcd cannot be used by anybody; null: it can, or there is none. */
export function unusableConfiguration(view: ClusterView): string | null {
  return view.config === null || view.config.value.valid ? null : view.config.value.why
}

/** The same, when this process has seen no other document: it leads nothing and serves no reads. */
export function missingConfiguration(snap: Snapshot, view: ClusterView): string | null {
  return snap.settingsConfirmed ? null : unusableConfiguration(view)
}

/**
 * etcd holds another document than the one that was looked at: it may put a pause or a mode in force. It is taken over before
 * the next beat.
 */
export function isConfigurationNewer({ configRevision }: Snapshot, { config }: ClusterView): boolean {
  return config !== null && isNewer(config.modRevision, configRevision)
}

/** For a reason. */
export function withoutConfiguration(why: string): string {
  return `the configuration of this cluster in etcd cannot be used (${why}) and this agent has seen no other`
}
