// How a primary is stopped that has lost the right to be one, or that serves nobody. The stop is a job; the next step (wait, rewind, follow)
// is decided when PostgreSQL is down.

import type { Memory } from '../../model/decision/memory.ts'
import { leadershipLeftMs } from '../../model/timing.ts'
import type { Millis } from '../../model/units.ts'
import { type ClusterFacts, type Facts, failedLately, runsAsPrimary } from '../facts.ts'
import { heldMarginMs } from '../lead/fencing.ts'
import { hasTimeLeft } from '../lead/lease-rules.ts'
import type { Choice } from '../rule.ts'

/**
 * `fast` rolls back the transactions in progress and writes a shutdown checkpoint, within what is left of the lease.
 * `immediate` is for a node that may already have a rival.
 */
export function stopToFollow(
  facts: Facts,
  mode: 'fast' | 'immediate',
): Pick<Choice, 'actions' | 'remember' | 'next'> {
  const { snap } = facts
  const left = leadershipLeftMs(snap.lease, snap.nowMs) - heldMarginMs(snap)
  // The first half of the time left is for a fast stop, the second for an immediate one.
  const timeoutMs = Math.max(200, Math.floor(left / 2))
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode, checkpoint: false, timeoutMs } }],
    remember: { rejoin: 'check', agreesWith: null },
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
  const stop = stopToFollow(facts, 'fast')
  return { ...stop, remember: { ...stop.remember, ...remember } }
}

/** Text for a decision's `reason`. */
export function releasing({ memory }: Facts): string {
  return memory.promotionAsked
    ? 'a promotion may be on its way: stopping PostgreSQL before the lease is released'
    : 'releasing the lease'
}

/** A failed stop is tried again after this. */
export const STOP_AGAIN_MS: Millis = 5000
/** After this a stop in good order is enforced: a checkpoint on a full disk may wait for room. */
const FAST_STOP_MS: Millis = 5000
/** SIGQUIT does nothing to processes that are stopped or wait for a disk: SIGKILL follows after this. */
const KILL_AFTER_MS: Millis = 200

/** A leader may stop a server that cannot be used: there is time for it, and it has not just failed. */
export function mayStopUnusable(facts: ClusterFacts): boolean {
  return runsAsPrimary(facts) && hasTimeLeft(facts) && !failedLately(facts, ['stop'], STOP_AGAIN_MS)
}

/** The lease goes to another member, if one can take over, when the server is known to be dead (`down.yield`). */
export function stopAndYield(how: 'fast' | 'at once', why: string) {
  const mode = how === 'fast' ? 'fast' : 'immediate'
  const timeoutMs = how === 'fast' ? FAST_STOP_MS : KILL_AFTER_MS
  return {
    actions: [{ kind: 'begin', job: { kind: 'stop', mode, checkpoint: false, timeoutMs } }],
    remember: { rejoin: 'check', agreesWith: null, yields: { why } },
    next: 'settled',
  } satisfies Omit<Choice, 'reason'>
}
