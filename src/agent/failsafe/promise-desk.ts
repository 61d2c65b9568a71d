// What this node has promised to primaries that cannot reach the store (POST /failsafe). A promise is in memory only.
// An agent that restarts has forgotten its promises, so a new one behaves as if it had made one in the moment before its
// start: it holds back for one ttl, the longest that it has seen in force (its own copy on disk included). So it does when
// the mode is off: it may have been on when the earlier run answered. That costs an election nothing in which every member
// answers, nor one in a cluster that never had the mode (src/decide/election/failsafe-gate.ts). A file would have to be
// written before each answer, and a disk that hangs would then end a healthy primary.

import type { FailsafePromise } from '../../model/cluster/failsafe.ts'
import { isPrimaryOnly, type Work } from '../../model/decision/work.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import { leadershipEndsAtMs } from '../../model/timing.ts'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LeaseGuard } from '../../ports/lease-guard.ts'
import type { PromiseDesk } from '../../ports/promises.ts'

interface DeskPorts {
  readonly clock: Clock
  readonly guard: Pick<LeaseGuard, 'view'>
  readonly settings: () => DynamicSettings
  readonly work: () => Work | null
}

export function createPromiseDesk({ clock, guard, settings, work }: DeskPorts): PromiseDesk {
  const startedAtMs = clock.bootMs()
  let last: FailsafePromise | null = null
  let longestMs: Millis = 0
  let offSinceMs: BootMillis | null = null
  let claims = 0

  function noteSettings(): void {
    const { failsafeMode, ttlMs } = settings()
    longestMs = Math.max(longestMs, ttlMs)
    offSinceMs = failsafeMode ? null : (offSinceMs ?? clock.bootMs())
  }

  function isBound(nowMs: BootMillis): boolean {
    return last !== null && last.untilMs > nowMs
  }

  /** Why this node cannot promise not to lead; null: it can. */
  function leads(nowMs: BootMillis): string | null {
    if (leadershipEndsAtMs(guard.view()) > nowMs) return 'this node holds the leader key'
    if (claims > 0) return 'this node is asking for the leader key'
    const current = work()
    return current !== null && isPrimaryOnly(current.job) ? `${current.job.kind} is in progress` : null
  }

  return {
    noteSettings,
    view() {
      noteSettings()
      return {
        last,
        earlierUntilMs: startedAtMs + longestMs,
        offUntilMs: offSinceMs === null ? null : offSinceMs + longestMs,
      }
    },
    promise(ping) {
      const atMs = clock.bootMs()
      const why = leads(atMs)
      if (why !== null) return { kind: 'refused', why }
      const holdsMs = settings().ttlMs
      // Of two promises, both are kept.
      last = { ...ping, atMs, untilMs: Math.max(atMs + holdsMs, last?.untilMs ?? 0) }
      return { kind: 'accepted', holdsMs }
    },
    mayClaim(despitePromiseAtMs) {
      if (isBound(clock.bootMs()) && last?.atMs !== despitePromiseAtMs) return false
      last = null
      return true
    },
    claiming() {
      claims++
      return () => {
        claims--
      }
    },
  }
}
