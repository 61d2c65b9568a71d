// How far has a requested switchover or failover come, as the store shows it? The REST API of the member that was asked
// and the command both follow it here.

import type { ClusterView, FailoverRequest } from '../model/cluster/cluster.ts'
import { isSameRequest, standingOf } from '../model/cluster/request.ts'
import type { MemberName } from '../model/units.ts'

export type HandoverProgress =
  /** No leader has begun it. */
  | { readonly is: 'pending' }
  | { readonly is: 'begun'; readonly by: MemberName }
  /** The leader has released the lease: another node will lead, even if the request still exists. */
  | { readonly is: 'leaderless' }
  | { readonly is: 'done'; readonly by: MemberName; readonly asAsked: boolean }
  /**
   * The request is gone and the leader is the same: it was refused, withdrawn or replaced, and the store does not say
   * why.
   */
  | { readonly is: 'over' }

/** `leaderBefore`: the leader at the time of the request. */
export function handoverProgress(
  request: FailoverRequest,
  leaderBefore: MemberName | null,
  now: ClusterView,
): HandoverProgress {
  const leader = now.leader?.name ?? null
  if (leader !== null && leader !== leaderBefore) {
    const asAsked = request.candidate === null || request.candidate === leader
    return { is: 'done', by: leader, asAsked }
  }
  const standing = standingOf(now, other => isSameRequest(other, request))
  if (standing.kind === 'begun') return { is: 'begun', by: standing.by }
  if (leader === null && leaderBefore !== null) return { is: 'leaderless' }
  return standing.kind === 'pending' ? { is: 'pending' } : { is: 'over' }
}
