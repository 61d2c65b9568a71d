// The request in `failover` that the lease holder must answer: what it asks for, whether this node has claimed it, and
// how a rule refuses it.

import type { FailoverRequest, Versioned } from '../../model/cluster/cluster.ts'
import type { Revision } from '../../model/units.ts'
import { type ClusterFacts, type Facts, runsAsPrimary, server, tried } from '../facts.ts'
import { type Choice, type Rule, rule } from '../rule.ts'

/** The request that the lease holder may still begin or refuse; null: there is none, or it has begun. */
export function pendingRequest(facts: ClusterFacts): Versioned<FailoverRequest> | null {
  const isReady = mayClear(facts) && runsAsPrimary(facts) && server(facts.snap) !== null
  return isReady ? facts.view.failover : null
}

export function mayClear({ memory, snap }: ClusterFacts): boolean {
  return memory.handover === null && !tried(snap, 'clear-failover')
}

export function isClaimed({ note }: FailoverRequest, { snap }: Facts): boolean {
  return note?.begunBy === snap.self.name
}

export function claimed(request: FailoverRequest, { snap }: Facts): FailoverRequest {
  const nothing = { id: null, by: null, atMs: null, untilMs: null }
  return { ...request, note: { ...nothing, ...request.note, begunBy: snap.self.name } }
}

export function kindOf({ leader }: FailoverRequest): string {
  return leader === null ? 'manual failover' : 'switchover'
}

export function target({ candidate }: FailoverRequest): string {
  return candidate === null ? '' : ` in favour of ${candidate}`
}

/** A rule that refuses a pending request for the reason that `objection` returns; null: it has no objection. */
export function refusal(
  id: string,
  why: string,
  objection: (request: FailoverRequest, facts: ClusterFacts) => string | null,
): Rule<ClusterFacts> {
  return rule({
    id,
    why,
    level: 'warning',
    match: f => {
      const key = pendingRequest(f)
      const objected = key === null ? null : objection(key.value, f)
      return key !== null && objected !== null && { key, objected }
    },
    choose: (f, { key, objected }) => refuse(f, key, objected),
  })
}

/** The refusal is logged and remembered for `list`, and the request is deleted at the revision that was read. */
export function refuse(facts: ClusterFacts, key: Versioned<FailoverRequest>, objection: string): Choice {
  return refusing(facts, `refusing the ${kindOf(key.value)} request: ${objection}`, key.modRevision)
}

export function refusing({ snap }: ClusterFacts, reason: string, ifRevision: Revision): Choice {
  return {
    reason,
    actions: [{ kind: 'clear-failover', ifRevision }],
    remember: { refusedRequest: { reason, atMs: snap.nowMs, wallMs: snap.wallMs } },
  }
}
