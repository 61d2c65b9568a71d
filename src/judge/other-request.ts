// A request in the `failover` key that is in the way of a new one. Unlike Patroni, hactl never replaces it silently.

import type { ClusterView, FailoverRequest } from '../model/cluster/cluster.ts'
import { isExpired } from '../model/cluster/request.ts'
import type { WallMillis } from '../model/units.ts'

export type OtherRequest =
  | { readonly is: 'unreadable'; readonly why: string }
  /** `begun`: the leader has claimed it. */
  | { readonly is: 'pending' | 'scheduled' | 'begun'; readonly request: FailoverRequest }

/** null: there is none, or it has expired, or it is the same request (`ownId`), submitted before. */
export function otherRequest(
  view: ClusterView,
  ownId: string | null,
  nowMs: WallMillis,
): OtherRequest | null {
  const [unreadable] = view.unreadable ?? []
  if (unreadable !== undefined) return { is: 'unreadable', why: unreadable.why }
  const request = view.failover?.value ?? null
  if (request === null || isExpired(request, nowMs)) return null
  if (ownId !== null && request.note?.id === ownId) return null
  const begunBy = request.note?.begunBy ?? null
  if (begunBy !== null && begunBy === view.leader?.name) return { is: 'begun', request }
  return { is: request.scheduledAt === null ? 'pending' : 'scheduled', request }
}
