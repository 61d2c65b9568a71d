// How far a switchover or failover that was asked for has come, by what the store shows. For everybody who follows one: the member
// that was asked over its REST API, and the command.

import type { ClusterView, FailoverRequest } from '../model/cluster/cluster.ts'
import { isSameRequest, standingOf } from '../model/cluster/request.ts'
import type { MemberName } from '../model/units.ts'

export type HandoverProgress =
  /** Nobody has begun it. */
  | { readonly is: 'pending' }
  | { readonly is: 'begun'; readonly by: MemberName }
  /** The leader has gone: whether the request is still there or not, somebody will lead. */
  | { readonly is: 'leaderless' }
  | { readonly is: 'done'; readonly by: MemberName; readonly asAsked: boolean }
  /** The request is gone, and who led before leads: it was refused, withdrawn or replaced. Why, the store does not say. */
  | { readonly is: 'over' }

/** `leaderBefore`: who led when it was asked for. */
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
