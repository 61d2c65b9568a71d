// The leader's note in etcd: would something stop its server when its lease ends? It is written with the leader key,
// and before a fencer is disarmed, so that the next candidate knows it even if the old leader does not answer.

import { isNewer } from '../revision.ts'
import type { MemberName } from '../units.ts'
import type { ClusterView } from './cluster.ts'

export interface GuardNote {
  readonly leader: MemberName
  readonly guarded: boolean
}

/**
 * A note that says "unguarded" counts until its leader replaces it or another node leads. One that says "guarded"
 * counts only for the reign in which it was written: a newer record of the last leader comes from an older hactl, which
 * writes no note.
 */
export function guardOf(
  { guard = null, lastLeader }: Pick<ClusterView, 'guard' | 'lastLeader'>,
  leader: MemberName,
): 'yes' | 'no' | 'unknown' {
  if (guard === null || guard.value.leader !== leader) return 'unknown'
  if (!guard.value.guarded) return 'no'
  const isOfThisReign = lastLeader?.value === leader && !isNewer(lastLeader.modRevision, guard.modRevision)
  return isOfThisReign ? 'yes' : 'unknown'
}
