// The lease and the leader key. A confirmed lease is counted from before its request was sent.

import { leaderKeyIsGone } from '../model/cluster/cluster.ts'
import type { LeaseAction } from '../model/decision/action.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { isShortened, renewalBudgetMs, requestBudgetMs } from '../model/timing.ts'
import type { LeaseOutcome } from '../ports/store.ts'
import type { ActPorts, Performed } from './act-context.ts'
import { write } from './key-writes.ts'
import { done, failed, unreachable } from './outcomes.ts'

export function actOnLease(action: LeaseAction, snap: Snapshot, ports: ActPorts): Promise<Performed> {
  const { store, clock, guard } = ports
  const budgetMs = requestBudgetMs(guard.view(), snap.settings, clock.bootMs())
  switch (action.kind) {
    case 'keep-lease':
      return lease(action, ports, false, store.keepLease(budgetMs))
    case 'adopt-lease':
      return lease(action, ports, true, store.adoptLease(action.leaseId, budgetMs))
    case 'acquire-lease': {
      const guarded = action.unguarded !== true
      return claim(action, ports, () => store.acquireLeader(action.ifRevision, guarded, budgetMs))
    }
    case 'renew-lease': {
      // Without an answer, the leader key may or may not be on the shorter lease.
      if (isShortened(guard.view(), snap.settings)) guard.endsBy(clock.bootMs() + snap.settings.ttlMs)
      const limitMs = renewalBudgetMs(budgetMs, leaderKeyIsGone(snap.cluster))
      return lease(action, ports, true, store.renewLeader(action.status, limitMs))
    }
    case 'take-leader':
      return claim(action, ports, () => store.takeLeaderAfterBootstrap(action.ifRevision, budgetMs))
    case 'release-lease':
      // From here on this node is not the leader, even if the request fails.
      guard.released()
      return write(action, store.releaseLeader(action.status, budgetMs))
    default:
      return action satisfies never
  }
}

/** A request for the leader key. It is not sent if this node has promised another one not to lead. */
async function claim(
  action: LeaseAction,
  ports: ActPorts,
  send: () => Promise<LeaseOutcome>,
): Promise<Performed> {
  const despite = action.kind === 'acquire-lease' ? (action.despitePromiseAtMs ?? null) : null
  if (!ports.promises.mayClaim(despite))
    return { outcome: failed(action, 'this node has just promised another one not to lead') }
  const end = ports.promises.claiming()
  try {
    return await lease(action, ports, true, send())
  } finally {
    end()
  }
}

async function lease(
  action: LeaseAction,
  ports: ActPorts,
  leader: boolean,
  request: Promise<LeaseOutcome>,
): Promise<Performed> {
  const sentAtMs = ports.clock.bootMs()
  const outcome = await request
  switch (outcome.kind) {
    case 'done':
      ports.guard.confirmed({ ...outcome, sentAtMs, leader })
      return { outcome: done(action) }
    case 'refused':
      if (leader && provesOther(action, outcome.holder)) ports.guard.refused()
      else if (leader) ports.guard.leaseGone()
      return { outcome: { kind: 'refused', action: action.kind, holder: outcome.holder, why: outcome.why } }
    case 'unreachable':
      return { outcome: unreachable(action, outcome.why) }
    default:
      return outcome satisfies never
  }
}

/**
 * Another node has the key, or has had it: a request for the key is refused for nothing else. If a renewal finds no
 * key, it has only ended with its lease.
 */
function provesOther({ kind }: LeaseAction, holder: string | null): boolean {
  return holder !== null || kind === 'acquire-lease' || kind === 'take-leader'
}
