// The arithmetic of the lease, shared by the rules, the lease guard and the budgets of requests. A lease confirmed by a
// request sent at T0 lives in etcd until T0+ttl at least; the fencer acts `fenceMarginMs` before that, and the agent
// gives up by itself `demoteMarginMs` before that. ARCHITECTURE.md has it in numbers.

import type { LeaseView } from './decision/snapshot.ts'
import type { DynamicSettings } from './settings/dynamic-settings.ts'
import type { BootMillis, Millis } from './units.ts'

/** How long a lease lives: all margins are fractions of it. */
type Term = Pick<DynamicSettings, 'ttlMs'>

/** Until a change of `ttl` has reached the lease, each margin has to fit into the shorter of the two. */
export function termOf(lease: LeaseView, settings: DynamicSettings): Term {
  return { ttlMs: lease.ttlMs > 0 ? Math.min(lease.ttlMs, settings.ttlMs) : settings.ttlMs }
}

/** The fencer's time from its deadline to the end of the lease: SIGQUIT, a grace period, SIGKILL for all processes. */
export function fenceMarginMs({ ttlMs }: Term): Millis {
  return Math.min(2000, Math.max(500, Math.round(ttlMs / 10)))
}

/** With less time left than this, the agent stops PostgreSQL itself while it still can do so in good order. */
export function demoteMarginMs({ ttlMs }: Term): Millis {
  return fenceMarginMs({ ttlMs }) + Math.max(500, Math.round(ttlMs / 6))
}

/** How soon a failed renewal is tried again. */
export function retryAfterMs({ ttlMs }: Term): Millis {
  return Math.min(1000, Math.max(200, Math.round(ttlMs / 15)))
}

/** Milliseconds of leadership left; 0 or less: none. */
export function leadershipLeftMs(lease: LeaseView, nowMs: BootMillis): Millis {
  return lease.leaderUntilMs - nowMs
}

/** The node's lease does not have the `ttl` in force: the next renewal makes another lease. */
export function isRetimed(lease: LeaseView, settings: DynamicSettings): boolean {
  return lease.ttlMs > 0 && lease.ttlMs !== settings.ttlMs
}

/** The next renewal makes the lease shorter than the one that etcd and the fencer know of. */
export function isShortened(lease: LeaseView, settings: DynamicSettings): boolean {
  return isRetimed(lease, settings) && settings.ttlMs < lease.ttlMs
}

/** When the lease should be renewed next: after `loop_wait`, or earlier if the lease does not last that long. */
export function renewalDueAtMs(lease: LeaseView, settings: DynamicSettings): BootMillis {
  if (isRetimed(lease, settings)) return lease.renewedAtMs
  return Math.min(lease.renewedAtMs + settings.loopWaitMs, lastChanceAtMs(lease, settings))
}

/**
 * No request to etcd blocks a beat for longer than this: elections inside etcd took up to about 2.2 s when measured.
 */
const REQUEST_LIMIT_MS = 2500

/** A renewal that begins by then may use the whole budget of a request, and fail, before the agent has to give up. */
function lastChanceAtMs(lease: LeaseView, settings: DynamicSettings): BootMillis {
  return repeatableUntilMs(lease, settings) - demoteMarginMs(termOf(lease, settings))
}

/** A request that fails before this instant leaves some of the lease for another try. */
export function repeatableUntilMs(lease: LeaseView, settings: DynamicSettings): BootMillis {
  return lease.validUntilMs - Math.min(REQUEST_LIMIT_MS, settings.retryTimeoutMs)
}

/** The budget of one request to etcd now: a leader's must end while there is still time to stop in good order. */
export function requestBudgetMs(lease: LeaseView, settings: DynamicSettings, nowMs: BootMillis): Millis {
  const limit = Math.min(REQUEST_LIMIT_MS, settings.retryTimeoutMs)
  const left = leadershipLeftMs(lease, nowMs)
  if (left <= 0) return limit
  return Math.min(limit, Math.max(300, left - demoteMarginMs(termOf(lease, settings))))
}

/** If the leader key seems to be gone, an election may have begun, and the answer must come before it ends. */
const KEY_GONE_LIMIT_MS = 500

/** The budget of a renewal, derived from that of any request. */
export function renewalBudgetMs(requestMs: Millis, keySeemsGone: boolean): Millis {
  return keySeemsGone ? Math.min(requestMs, KEY_GONE_LIMIT_MS) : requestMs
}

/** A beat itself takes some milliseconds. */
const SOONEST_MS = 50

/** When to try an unconfirmed lease again: soon, and in time for a last try before the agent gives up. */
export function holdOnAfterMs(lease: LeaseView, settings: DynamicSettings, nowMs: BootMillis): Millis {
  const term = termOf(lease, settings)
  const spareMs = leadershipLeftMs(lease, nowMs) - demoteMarginMs(term)
  return spareMs > 0 ? Math.min(retryAfterMs(term), Math.max(SOONEST_MS, spareMs)) : retryAfterMs(term)
}
