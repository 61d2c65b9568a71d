// The rules of the watchdog device: a leader opens it before it promotes, and a node that needs it and cannot have it neither
// leads nor races. The facts are in ../../lead/watchdog.ts.

import type { Millis } from '../../../model/units.ts'
import {
  type ClusterFacts,
  type Facts,
  isStandbyWithLease,
  mayLead,
  runsAsPrimary,
  server,
  tried,
} from '../../facts.ts'
import { isFenced } from '../../lead/fencing.ts'
import { hasTimeLeft } from '../../lead/lease-rules.ts'
import {
  hasTimeToOpen,
  missingForMs,
  missingWatchdog,
  unwatchedFailure,
  wantedWatchdog,
  watchdogToOpen,
  whyNotWatched,
  whyNotYetWatched,
} from '../../lead/watchdog.ts'
import { releaseUnpromoted, releasing, stopToFollow } from '../../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../../rule.ts'

/** A fencer of a former agent may still have the device open, and gives it up within moments. */
const AGAIN_MS: Millis = 500
/** How long a primary may run without a device that it needs: the fencer guards it meanwhile. */
const MISSING_LIMIT_MS: Millis = 3000
const LOOK_AGAIN_MS: Millis = 1000

/** The mode is off now, or maintenance mode began: that applies at once. */
export function closeWatchdog<F extends Facts>(situation: 'leader' | 'paused' | 'blind'): Rule<F> {
  return rule({
    id: `${situation}.close-watchdog`,
    // spec/ha.md 8.W6
    why: 'a watchdog that nobody wants any more must not reset the machine',
    match: f =>
      (f.snap.fencer.watchdog ?? null) !== null &&
      wantedWatchdog(f.snap) === null &&
      !tried(f.snap, 'close-watchdog'),
    choose: f => ({
      reason: f.snap.settings.paused
        ? 'maintenance mode: switching the watchdog off'
        : 'watchdog.mode is off: switching the watchdog off',
      actions: [{ kind: 'close-watchdog' }],
      next: 'again',
    }),
  })
}

/** After the fencer was armed. */
function openWatchdog<F extends Facts>(situation: 'leader' | 'blind'): Rule<F> {
  return rule({
    id: `${situation}.open-watchdog`,
    why: 'a leader that is frozen together with its fencer is stopped by the reset of its machine',
    match: f => mayLead(f.snap) && isFenced(f) && mayOpen(f) && watchdogToOpen(f),
    choose: (_, request) => ({
      reason: `opening the watchdog ${request.device} with a timeout of ${request.timeoutS} s`,
      actions: [{ kind: 'open-watchdog', request }],
      next: 'again',
    }),
  })
}

/** A primary that waits for etcd is not stopped sooner because of a device that it has only just opened. */
function mayOpen(facts: Facts): boolean {
  return server(facts.snap) !== null && (!runsAsPrimary(facts) || hasTimeToOpen(facts))
}

function demoteUnwatched<F extends Facts>(situation: 'leader' | 'blind'): Rule<F> {
  return rule({
    id: `${situation}.watchdog-demote`,
    // spec/ha.md 3.6 P1
    why: 'watchdog.mode is required: a primary without it gives up',
    level: 'error',
    match: f => {
      const why = runsAsPrimary(f) ? whyNotWatched(f) : null
      return why !== null && missingForMs(f) >= MISSING_LIMIT_MS && { why }
    },
    choose: (f, { why }) => {
      const stop = stopToFollow(f, 'immediate')
      return {
        ...stop,
        reason: `Demoting self because watchdog could not be activated: ${why}`,
        remember: { ...stop.remember, lastFailure: unwatchedFailure(f, why) },
      }
    },
  })
}

/** With the lease at its end, other rules stop a primary. */
function tryAgain<F extends Facts>(situation: 'leader' | 'blind'): Rule<F> {
  return rule({
    id: `${situation}.watchdog-again`,
    why: 'watchdog.mode is required: nothing is promoted before the device is open, and it is tried again',
    level: 'warning',
    match: f => {
      const isEnding = situation === 'blind' && !hasTimeLeft(f)
      const why = isEnding || server(f.snap) === null ? null : whyNotYetWatched(f)
      return why !== null && { why }
    },
    choose: (_, { why }) => ({
      reason: `the watchdog is not active (${why}); trying again`,
      wakeInMs: AGAIN_MS,
    }),
  })
}

/** Before anything else of a leader: above all before a promotion. */
export const leaderWatchdog: readonly Rule<ClusterFacts>[] = [
  closeWatchdog('leader'),
  openWatchdog('leader'),
  demoteUnwatched('leader'),
  rule({
    id: 'leader.watchdog-release',
    // spec/ha.md 3.6 P2
    why: 'watchdog.mode is required: a node without it lets another one lead',
    level: 'warning',
    match: f => {
      const why = isStandbyWithLease(f) && !tried(f.snap, 'release-lease') ? whyNotWatched(f) : null
      return why !== null && { why }
    },
    choose: (f, { why }) => ({
      reason: `Not promoting self because watchdog could not be activated: ${why}; ${releasing(f)}`,
      ...releaseUnpromoted(f, { lastFailure: unwatchedFailure(f, why) }),
    }),
  }),
  tryAgain('leader'),
]

/** After it has tried to renew its lease. */
export const blindWatchdog: readonly Rule<Facts>[] = [
  openWatchdog('blind'),
  demoteUnwatched('blind'),
  tryAgain('blind'),
]

export const raceWatchdog: Rule<ClusterFacts> = rule({
  id: 'race.no-watchdog',
  // spec/ha.md 3.8.2 H9, 8.W7
  why: 'watchdog.mode is required: a node that cannot have it does not lead',
  level: 'warning',
  match: f => !runsAsPrimary(f) && missingWatchdog(f),
  choose: (_, why) => ({
    reason: `Watchdog device is not usable: ${why}; not promoting`,
    wakeInMs: LOOK_AGAIN_MS,
  }),
})
