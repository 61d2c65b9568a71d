// The arithmetic of the lease, shared by the rules, the lease guard and the budgets of requests. A lease confirmed by a
// request sent at T0 lives in etcd until T0+ttl at least; the fencer acts `fenceMarginMs` before that, and the agent
// gives up by itself `demoteMarginMs` before that. ARCHITECTURE.md has it in numbers.

import type { LeaseView } from './decision/snapshot.ts'
import type { DynamicSettings } from './settings/dynamic-settings.ts'
import type { BootMillis, Millis } from './units.ts'

/** How long a lease lives: all margins are fractions of it. An open watchdog device may leave less of it. */
interface Term {
  readonly ttlMs: Millis
  readonly resetAfterMs?: Millis
}

/** Until a change of `ttl` has reached the lease, each margin has to fit into the shorter of the two. */
export function termOf(lease: LeaseView, settings: DynamicSettings): Term {
  const ttlMs = lease.ttlMs > 0 ? Math.min(lease.ttlMs, settings.ttlMs) : settings.ttlMs
  return withReset(lease, ttlMs)
}

/** The term of a lease that is made, or made anew, under the settings in force. */
export function nextTermOf(lease: LeaseView, { ttlMs }: DynamicSettings): Term {
  return withReset(lease, ttlMs)
}

function withReset({ resetAfterMs }: LeaseView, ttlMs: Millis): Term {
  return resetAfterMs === undefined ? { ttlMs } : { ttlMs, resetAfterMs }
}

/**
 * The fencer's time from its deadline to the end of the lease: SIGQUIT, a grace period, SIGKILL for all processes. If the
 * watchdog device would reset the machine before that, the fencer acts earlier, so that a machine is reset only if the
 * fencer could not act.
 */
export function fenceMarginMs(term: Term): Millis {
  return Math.max(unwatchedMarginMs(term), resetMarginMs(term))
}

function unwatchedMarginMs({ ttlMs }: Term): Millis {
  return Math.min(2000, Math.max(500, Math.round(ttlMs / 10)))
}

/** From the moment when the fencer must act before the device fires to the end of the lease; 0: no device is open. */
function resetMarginMs({ ttlMs, resetAfterMs }: Term): Millis {
  return resetAfterMs === undefined ? 0 : ttlMs - resetAfterMs + stopAheadMs(resetAfterMs)
}

/** PostgreSQL is stopped this long before the watchdog device would fire. */
export function stopAheadMs(resetAfterMs: Millis): Millis {
  return Math.min(1000, Math.max(500, Math.round(resetAfterMs / 10)))
}

/** With less time left than this, the agent stops PostgreSQL itself while it still can do so in good order. */
export function demoteMarginMs(term: Term): Millis {
  const { ttlMs, resetAfterMs } = term
  const unwatched = unwatchedMarginMs(term) + Math.max(500, Math.round(ttlMs / 6))
  return resetAfterMs === undefined
    ? unwatched
    : Math.max(unwatched, resetMarginMs(term) + stopAheadMs(resetAfterMs))
}

/** How soon a failed renewal is tried again. */
export function retryAfterMs({ ttlMs }: Term): Millis {
  return Math.min(1000, Math.max(200, Math.round(ttlMs / 15)))
}

/**
 * When leadership ends: with the lease, or with the promises of the members in failsafe mode, whichever lasts longer.
 */
export function leadershipEndsAtMs({ leaderUntilMs, membersUntilMs }: LeaseView): BootMillis {
  return Math.max(leaderUntilMs, membersUntilMs)
}

/** Milliseconds of leadership left, by either proof; 0 or less: none. */
export function leadershipLeftMs(lease: LeaseView, nowMs: BootMillis): Millis {
  return leadershipEndsAtMs(lease) - nowMs
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

/**
 * When a leadership ends that rests on the promises of the other members (failsafe mode).
 *
 * Each member counts its promise from the moment at which the question reached it, which is later than `sentAtMs`, and
 * keeps it for as long as its answer says, or for its ttl if it runs Patroni. So nobody leads before
 * `sentAtMs + min(ttl, what the answers say)`, as nobody does before the end of a lease that was confirmed by a request
 * sent then. All margins before a lease's end apply to this end too: the fencer acts `fenceMarginMs` before it, and the
 * agent gives up `demoteMarginMs` before it. `term`: the shorter one of the lease's ttl and the ttl in force, because a
 * member may not have heard of a longer ttl yet.
 */
export function promisesEndAtMs(
  sentAtMs: BootMillis,
  { ttlMs }: Term,
  holdsMs: readonly (Millis | null)[],
): BootMillis {
  return sentAtMs + holdsMs.reduce<Millis>((least, holds) => Math.min(least, holds ?? ttlMs), ttlMs)
}

/** How long the members may take to answer: a primary that gets no promise still has to stop in good order. */
export function failsafeBudgetMs(lease: LeaseView, settings: DynamicSettings, nowMs: BootMillis): Millis {
  const spareMs = leadershipLeftMs(lease, nowMs) - demoteMarginMs(termOf(lease, settings))
  return Math.min(settings.failsafeTimeoutMs, Math.max(300, spareMs))
}

/**
 * When the members are asked again: after `loop_wait`, or as early as the time for one more request to the store and one
 * more question demands. After a refusal, as soon as a failed renewal is tried again.
 */
export function failsafeDueAtMs(
  lease: LeaseView,
  settings: DynamicSettings,
  last: { readonly sentAtMs: BootMillis; readonly endedAtMs: BootMillis; readonly isRefused: boolean },
): BootMillis {
  const term = termOf(lease, settings)
  const soonestMs = last.endedAtMs + retryAfterMs(term)
  if (last.isRefused) return soonestMs
  const requestMs = Math.min(REQUEST_LIMIT_MS, settings.retryTimeoutMs)
  const latestMs = leadershipEndsAtMs(lease) - demoteMarginMs(term) - requestMs - settings.failsafeTimeoutMs
  return Math.max(soonestMs, Math.min(last.sentAtMs + settings.loopWaitMs, latestMs))
}
