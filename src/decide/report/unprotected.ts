// A leader in a synchronous mode whose commits wait for nobody, or for ever. The sentence is in its member key for as long as
// that is so (`hactl list`, GET /patroni).

import { syncProtection } from '../../judge/sync-protection.ts'
import { type ClusterFacts, holdsLease, server } from '../facts.ts'

/** null: commits are protected as the operator wants, or this node does not decide it. */
export function unprotected({ snap, view }: ClusterFacts): string | null {
  const own = server(snap)
  if (!holdsLease(snap) || own === null || own.inRecovery) return null
  const { synchronousMode, synchronousStrict } = snap.settings
  const acknowledges = own.replication.some(({ syncState }) => ['sync', 'quorum'].includes(syncState))
  // PostgreSQL knows it before etcd does.
  if (synchronousMode !== 'off' && synchronousStrict && !acknowledges)
    return 'no standby is synchronous and synchronous_mode_strict is on: every commit waits'
  const problem = syncProtection(view, snap.settings.document)?.problem ?? null
  return problem?.kind === 'none' ? problem.text : null
}
