// How a primary is stopped that has lost the right to be one. The stop is a job; the next step (wait, rewind, follow) is decided
// when PostgreSQL is down. How a leader makes way by itself is in lead/making-way.ts.

import type { Memory } from '../../model/decision/memory.ts'
import { leadershipLeftMs } from '../../model/timing.ts'
import type { Facts } from '../facts.ts'
import { heldMarginMs } from '../lead/fencing.ts'
import type { Choice } from '../rule.ts'

/**
 * `fast` rolls back the transactions in progress and writes a shutdown checkpoint, within what is left of the lease.
 * `immediate` is for a node that may already have a rival.
 */
export function stopToFollow(
  facts: Facts,
  mode: 'fast' | 'immediate',
  remember: Partial<Memory> = {},
): Pick<Choice, 'actions' | 'remember' | 'next'> {
  const { snap } = facts
  const left = leadershipLeftMs(snap.lease, snap.nowMs) - heldMarginMs(snap)
  // The first half of the time left is for a fast stop, the second for an immediate one.
  const timeoutMs = Math.max(200, Math.floor(left / 2))
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode, checkpoint: false, timeoutMs } }],
    remember: { rejoin: 'check', agreesWith: null, ...remember },
    next: 'settled',
  }
}

/**
 * Releases a lease before a promotion. If one was already requested it may still come about, so PostgreSQL stops first.
 */
export function releaseUnpromoted(
  facts: Facts,
  remember: Partial<Memory> = {},
): Pick<Choice, 'actions' | 'remember' | 'next'> {
  if (!facts.memory.promotionAsked) return { actions: [{ kind: 'release-lease', status: null }], remember }
  // One that survives SIGKILL would keep the lease.
  const yields = { why: 'a promotion may have been on its way' }
  return stopToFollow(facts, 'fast', { yields, ...remember })
}

/** Text for a decision's `reason`. */
export function releasing({ memory }: Facts): string {
  return memory.promotionAsked
    ? 'a promotion may be on its way: stopping PostgreSQL before the lease is released'
    : 'releasing the lease'
}
