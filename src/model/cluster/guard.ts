// What the leader says of itself in etcd: whether something would stop its server when its lease ends. It is written with the
// leader key, and before a fencer is disarmed, so that whoever wants to lead next knows it even if nobody answers.

import { isNewer } from '../revision.ts'
import type { MemberName } from '../units.ts'
import type { ClusterView } from './cluster.ts'

export interface GuardNote {
  readonly leader: MemberName
  readonly guarded: boolean
}

/**
 * A note without a guard counts until its leader replaces it, or somebody else leads. One with a guard counts for the reign in which
 * it was written: whoever wrote the record of the last leader after it keeps no such note (an older hactl).
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
