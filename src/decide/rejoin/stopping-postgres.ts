// How a primary that must not be one any more is stopped: the stop is a job, and what comes after it (wait, rewind,
// follow) is decided when PostgreSQL is down.

import type { Memory } from '../../model/decision/memory.ts'
import { leadershipLeftMs } from '../../model/timing.ts'
import type { Facts } from '../facts.ts'
import { heldMarginMs } from '../lead/fencing.ts'
import type { Choice } from '../rule.ts'

/**
 * `fast` lets transactions in progress roll back and writes a clean shutdown checkpoint, within what is left of the
 * lease; `immediate` is for a node that may already have a rival.
 */
export function stopToFollow(
  facts: Facts,
  mode: 'fast' | 'immediate',
): Pick<Choice, 'actions' | 'remember' | 'next'> {
  const { snap } = facts
  const left = leadershipLeftMs(snap.lease, snap.nowMs) - heldMarginMs(snap)
  // The first half of what is left for the orderly way, the second for the other one.
  const timeoutMs = Math.max(200, Math.floor(left / 2))
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode, checkpoint: false, timeoutMs } }],
    remember: { rejoin: 'check', agreesWith: null },
    next: 'settled',
  }
}

/** Gives up a lease under which nothing was promoted yet: what was asked for may come about after that, so it stops first. */
export function releaseUnpromoted(
  facts: Facts,
  remember: Partial<Memory> = {},
): Pick<Choice, 'actions' | 'remember' | 'next'> {
  if (!facts.memory.promotionAsked) return { actions: [{ kind: 'release-lease', status: null }], remember }
  const stop = stopToFollow(facts, 'fast')
  return { ...stop, remember: { ...stop.remember, ...remember } }
}

/** For a reason. */
export function releasing({ memory }: Facts): string {
  return memory.promotionAsked
    ? 'a promotion may be on its way: stopping PostgreSQL before the lease is released'
    : 'releasing the lease'
}
