// The lease guard: the instant until which this node may call itself leader, and a signal that aborts then. Its
// deadlines were computed before the renewals were sent, so a slow beat can never extend them.

import type { LeaseView } from '../model/decision/snapshot.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import { fenceMarginMs, leadershipEndsAtMs, termOf } from '../model/timing.ts'
import type { BootMillis } from '../model/units.ts'
import type { OpenWatchdog } from '../model/watchdog.ts'
import type { Clock } from '../ports/clock.ts'
import type { LeaseGuard } from '../ports/lease-guard.ts'

const NO_LEASE: LeaseView = {
  leaseId: null,
  ttlMs: 0,
  renewedAtMs: 0,
  validUntilMs: 0,
  leaderUntilMs: 0,
  membersUntilMs: 0,
}

export interface OwnedLeaseGuard extends LeaseGuard {
  /** Ends the timer without changing the leadership. */
  close(): void
}

/** How long the lease lasts once the store has confirmed it. */
function confirmedLease(
  lease: LeaseView,
  { leaseId, ttlMs, validUntilMs, sentAtMs, leader }: Parameters<LeaseGuard['confirmed']>[0],
): LeaseView {
  const leaderUntilMs = leader ? validUntilMs : leaseId === lease.leaseId ? lease.leaderUntilMs : 0
  // The lease is proof enough again.
  const membersUntilMs = leader ? 0 : lease.membersUntilMs
  return { leaseId, ttlMs, renewedAtMs: sentAtMs, validUntilMs, leaderUntilMs, membersUntilMs }
}

/** An open watchdog device leaves less of it. */
function withReset(lease: LeaseView, open: OpenWatchdog | null): LeaseView {
  return open === null ? lease : { ...lease, resetAfterMs: open.timeoutS * 1000 }
}

/** Sleeps until the instant that is in force then, however often it was moved meanwhile. false: it was called off. */
async function isReached(atMs: () => BootMillis, clock: Clock, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const left = atMs() - clock.bootMs()
    if (left <= 0) return true
    await clock.sleep(left, signal)
  }
  return false
}

interface GuardPorts {
  /** With `settings` it gives the margin before the end at which primary-only work is cancelled. */
  readonly watchdog: () => OpenWatchdog | null
  /** Hears at once when the leadership ends, whenever that changes. */
  readonly ended: (atMs: BootMillis) => void
}

export function createLeaseGuard(
  clock: Clock,
  settings: () => DynamicSettings,
  { watchdog, ended }: GuardPorts = { watchdog: () => null, ended: () => {} },
): OwnedLeaseGuard {
  let lease = NO_LEASE
  let leadership = new AbortController()
  let timer = new AbortController()
  leadership.abort(new Error('this node does not lead'))

  function end(why: string): void {
    lease = { ...lease, leaderUntilMs: 0, membersUntilMs: 0 }
    ended(0)
    leadership.abort(new Error(why))
    timer.abort()
  }

  async function expire(signal: AbortSignal): Promise<void> {
    const cancelsAtMs = () =>
      leadershipEndsAtMs(lease) - fenceMarginMs(termOf(withReset(lease, watchdog()), settings()))
    if (await isReached(cancelsAtMs, clock, signal)) leadership.abort(new Error('the lease runs out'))
  }

  function watchTheEnd(): void {
    timer.abort()
    timer = new AbortController()
    void expire(timer.signal)
  }

  function become(next: LeaseView): void {
    const endedMs = leadershipEndsAtMs(lease)
    lease = next
    ended(leadershipEndsAtMs(next))
    // The timer sleeps until the later end.
    if (!leadership.signal.aborted && leadershipEndsAtMs(next) < endedMs) watchTheEnd()
  }

  function lead(): void {
    if (!leadership.signal.aborted && !timer.signal.aborted) return
    leadership = new AbortController()
    watchTheEnd()
  }

  return {
    view: () => withReset(lease, watchdog()),
    confirmed(confirmation) {
      become(confirmedLease(lease, confirmation))
      if (confirmation.leader) lead()
    },
    endsBy(untilMs) {
      if (untilMs < lease.leaderUntilMs) become({ ...lease, leaderUntilMs: untilMs })
    },
    confirmedByMembers(untilMs) {
      // Without a gap: whoever may have led in between has not been asked.
      if (leadershipEndsAtMs(lease) <= clock.bootMs()) return false
      lease = { ...lease, membersUntilMs: Math.max(untilMs, lease.membersUntilMs) }
      ended(leadershipEndsAtMs(lease))
      lead()
      return true
    },
    leaseGone() {
      if (lease.membersUntilMs <= clock.bootMs()) end('the lease is gone')
      else become({ ...lease, leaderUntilMs: 0 })
    },
    refused: () => end('the lease belongs to somebody else'),
    released: () => end('the lease was given up'),
    primarySignal: () => leadership.signal,
    close: () => timer.abort(),
  }
}
