// The arithmetic of the lease (design.md 4), shared by the rules, the lease guard and the budgets of requests. A lease confirmed by a request sent at T0 lives in etcd until T0+ttl at
// least; the fencer acts `fenceMarginMs` before that, and the agent gives up by itself `demoteMarginMs` before that.

import type { DynamicSettings } from './settings.ts'
import type { LeaseView } from './snapshot.ts'
import type { Millis } from './units.ts'

/** Time the fencer has from its deadline to the end of the lease: SIGQUIT, grace, SIGKILL of everything. */
export function fenceMarginMs(settings: DynamicSettings): Millis {
  return Math.min(2000, Math.max(500, Math.round(settings.ttlMs / 10)))
}

/** Less than this left without a renewal: the agent stops PostgreSQL in good order while it still can. */
export function demoteMarginMs(settings: DynamicSettings): Millis {
  return fenceMarginMs(settings) + Math.max(500, Math.round(settings.ttlMs / 6))
}

/** How soon a failed renewal is tried again. */
export function retryAfterMs(settings: DynamicSettings): Millis {
  return Math.min(1000, Math.max(200, Math.round(settings.ttlMs / 15)))
}

/** Milliseconds of leadership left; 0 or less: none. */
export function leadershipLeftMs(lease: LeaseView, nowMs: Millis): Millis {
  return lease.leaderUntilMs - nowMs
}

/** When the own lease should be renewed next. */
export function renewalDueAtMs(lease: LeaseView, settings: DynamicSettings): Millis {
  return lease.renewedAtMs + settings.loopWaitMs
}

/** No request to etcd blocks a beat for longer: an election of etcd's own takes up to about 2.2 s (stack.md 2.2). */
const REQUEST_LIMIT_MS = 2500

/** Budget of one request to etcd now: a leader's must end while there is still time to give up in good order. */
export function requestBudgetMs(lease: LeaseView, settings: DynamicSettings, nowMs: Millis): Millis {
  const limit = Math.min(REQUEST_LIMIT_MS, settings.retryTimeoutMs)
  const left = leadershipLeftMs(lease, nowMs)
  if (left <= 0) return limit
  return Math.min(limit, Math.max(300, left - demoteMarginMs(settings)))
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
export function holdOnAfterMs(lease: LeaseView, settings: DynamicSettings, nowMs: Millis): Millis {
  const spareMs = leadershipLeftMs(lease, nowMs) - demoteMarginMs(settings)
  return spareMs > 0
    ? Math.min(retryAfterMs(settings), Math.max(SOONEST_MS, spareMs))
    : retryAfterMs(settings)
}
