// The arithmetic of the lease, shared by the rules, the lease guard and the budgets of requests. A lease confirmed by a
// request sent at T0 lives in etcd until T0+ttl at least; the fencer acts `fenceMarginMs` before that, and the agent gives
// up by itself `demoteMarginMs` before that. ARCHITECTURE.md has it in numbers.

import type { LeaseView } from './decision/snapshot.ts'
import type { DynamicSettings } from './settings/dynamic-settings.ts'
import type { BootMillis, Millis } from './units.ts'

/** How long a lease lives: what all margins are parts of. */
type Term = Pick<DynamicSettings, 'ttlMs'>

/** While a change of `ttl` has not reached the lease, a margin has to fit into the shorter of the two. */
export function termOf(lease: LeaseView, settings: DynamicSettings): Term {
  return { ttlMs: lease.ttlMs > 0 ? Math.min(lease.ttlMs, settings.ttlMs) : settings.ttlMs }
}

/** Time the fencer has from its deadline to the end of the lease: SIGQUIT, grace, SIGKILL of everything. */
export function fenceMarginMs({ ttlMs }: Term): Millis {
  return Math.min(2000, Math.max(500, Math.round(ttlMs / 10)))
}

/** Less than this left without a renewal: the agent stops PostgreSQL in good order while it still can. */
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

/** The `ttl` in force is not the one that the own lease was made for: a renewal makes another lease. */
export function isRetimed(lease: LeaseView, settings: DynamicSettings): boolean {
  return lease.ttlMs > 0 && lease.ttlMs !== settings.ttlMs
}

/** The next renewal makes the lease shorter than etcd, and whatever was armed before, take it for. */
export function isShortened(lease: LeaseView, settings: DynamicSettings): boolean {
  return isRetimed(lease, settings) && settings.ttlMs < lease.ttlMs
}

/** When the own lease should be renewed next: `loop_wait` says what is wanted, the lease what is possible. */
export function renewalDueAtMs(lease: LeaseView, settings: DynamicSettings): BootMillis {
  if (isRetimed(lease, settings)) return lease.renewedAtMs
  return Math.min(lease.renewedAtMs + settings.loopWaitMs, lastChanceAtMs(lease, settings))
}

/** No request to etcd blocks a beat for longer: an election of etcd's own was measured to take up to about 2.2 s. */
const REQUEST_LIMIT_MS = 2500

/** A renewal may take as long as a request may, and fail, before the agent has to give up. */
function lastChanceAtMs(lease: LeaseView, settings: DynamicSettings): BootMillis {
  return repeatableUntilMs(lease, settings) - demoteMarginMs(termOf(lease, settings))
}

/** Until then a request that fails leaves something of the lease. */
export function repeatableUntilMs(lease: LeaseView, settings: DynamicSettings): BootMillis {
  return lease.validUntilMs - Math.min(REQUEST_LIMIT_MS, settings.retryTimeoutMs)
}

/** Budget of one request to etcd now: a leader's must end while there is still time to give up in good order. */
export function requestBudgetMs(lease: LeaseView, settings: DynamicSettings, nowMs: BootMillis): Millis {
  const limit = Math.min(REQUEST_LIMIT_MS, settings.retryTimeoutMs)
  const left = leadershipLeftMs(lease, nowMs)
  if (left <= 0) return limit
  return Math.min(limit, Math.max(300, left - demoteMarginMs(termOf(lease, settings))))
}

/** An election may have begun: whether a key that seems to be gone is still ours must be known before it ends. */
const KEY_GONE_LIMIT_MS = 500

/** Budget of a renewal, out of that of any request. */
export function renewalBudgetMs(requestMs: Millis, keySeemsGone: boolean): Millis {
  return keySeemsGone ? Math.min(requestMs, KEY_GONE_LIMIT_MS) : requestMs
}

/** A beat takes some milliseconds itself. */
const SOONEST_MS = 50

/** When to look again at a lease that etcd has not confirmed: soon, and in time for the last try before the agent gives up. */
export function holdOnAfterMs(lease: LeaseView, settings: DynamicSettings, nowMs: BootMillis): Millis {
  const term = termOf(lease, settings)
  const spareMs = leadershipLeftMs(lease, nowMs) - demoteMarginMs(term)
  return spareMs > 0 ? Math.min(retryAfterMs(term), Math.max(SOONEST_MS, spareMs)) : retryAfterMs(term)
}
