// A synchronous standby that is about to stop holds up every commit until its primary notices. So it first asks, by its tags,
// not to be waited for, and stops when `/sync` no longer names it (spec/ha.md 3.13.3).

import type { Millis } from '../../../model/units.ts'
import {
  type ClusterFacts,
  type Facts,
  holdsLease,
  isRunning,
  runsAsPrimary,
  seconds,
  seenCluster,
} from '../../facts.ts'
import { nameHolder } from '../../lead/name-holder.ts'
import { orderOf, wantedRestart } from '../../order-facts.ts'
import { memberRecord } from '../../report/own-record.ts'
import { type Choice, type Rule, rule, ruleOver } from '../../rule.ts'
import { syncElection } from '../../sync/electable.ts'
import { has } from '../../sync/names.ts'

const LOOK_AGAIN_MS: Millis = 200
/** An order that is not begun within 15 s is withdrawn. */
const ORDER_LIMIT_MS: Millis = 12_000

export const followerLeavesSync: Rule<ClusterFacts> = rule({
  id: 'follower.leave-sync',
  why: 'a synchronous standby that restarts at once would hold up every commit until its primary notices',
  match: f =>
    wantedRestart(f) !== null || orderOf(f, 'reinitialize') !== null ? waitsFor(f, ORDER_LIMIT_MS) : null,
  choose: leave,
})

export const stoppingLeavesSync: Rule<Facts> = ruleOver(
  seenCluster,
  rule({
    id: 'stopping.leave-sync',
    why: 'a synchronous standby that stops at once would hold up every commit until its primary notices',
    match: f => (isRunning(f.snap) ? waitsFor(f, Number.POSITIVE_INFINITY) : null),
    choose: leave,
  }),
)

interface Waiting {
  readonly primary: string
  readonly forMs: Millis
}

/** null: this node need not wait (any longer). */
function waitsFor(facts: ClusterFacts, limitMs: Millis): Waiting | null {
  const { snap, view, memory } = facts
  const election = syncElection(facts)
  const { leader } = view
  if (election === null || leader === null || leader.name !== election.leader) return null
  if (leader.name === snap.self.name || holdsLease(snap) || runsAsPrimary(facts)) return null
  // The member key may be the other node's.
  if (nameHolder(facts) !== null) return null
  if (snap.self.tags.nosync || !has(election.voters, snap.self.name)) return null
  const forMs = memory.leavingSyncSinceMs === null ? 0 : snap.nowMs - memory.leavingSyncSinceMs
  return forMs < Math.min(limitMs, 2 * snap.settings.loopWaitMs) ? { primary: leader.name, forMs } : null
}

function leave(facts: ClusterFacts, { primary, forMs }: Waiting): Choice {
  const leavingSyncSinceMs = facts.memory.leavingSyncSinceMs ?? facts.snap.nowMs
  const record = memberRecord({ ...facts, memory: { ...facts.memory, leavingSyncSinceMs } })
  return {
    reason: `Waiting for primary to release us from synchronous standby: ${primary} still waits for this node, for ${seconds(forMs)} now`,
    ...(facts.memory.leavingSyncSinceMs === null
      ? { actions: [{ kind: 'publish-member' as const, record }] }
      : {}),
    remember: { leavingSyncSinceMs },
    next: 'settled',
    wakeInMs: LOOK_AGAIN_MS,
  }
}
