// What a request in `failover` means to this node now: it may not be due yet, or nobody may wait for it any more.

import type { ClusterView, FailoverRequest } from '../../model/cluster/cluster.ts'
import { isExpired } from '../../model/cluster/request.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { ClusterFacts } from '../facts.ts'

/** The request that is due; null: there is none. One that a leader has begun is carried through. */
export function dueRequest({ view, snap }: ClusterFacts): FailoverRequest | null {
  const request = view.failover?.value ?? null
  if (request === null || !isDue(view, snap)) return null
  return hasBegun(request) || !isExpired(request, snap.wallMs) ? request : null
}

function hasBegun({ note }: FailoverRequest): boolean {
  return note?.begunBy != null
}

/** An operator named this node in a request whose time has come. */
export function isNamedCandidate(facts: ClusterFacts): boolean {
  return dueRequest(facts)?.candidate === facts.snap.self.name
}

/**
 * A manual failover to this node: while the operator waits for it, the operator accepts the loss of what this node does
 * not have. A switchover never means that.
 */
export function isForced(facts: ClusterFacts): boolean {
  const request = dueRequest(facts)
  if (request === null || isExpired(request, facts.snap.wallMs)) return false
  return request.candidate === facts.snap.self.name && request.leader === null
}

/** A switchover for tomorrow does not decide who takes over today. */
function isDue(view: ClusterView, snap: Snapshot): boolean {
  const at = view.failover?.value.scheduledAt ?? null
  return at === null || (at.wallMs !== null && at.wallMs <= snap.wallMs)
}
