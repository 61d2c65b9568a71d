// The watchdog device: it resets the machine when even the fencer is frozen (spec/ha.md 7, docs/modes.md). A leader has it
// open as long as it leads, in mode `automatic` if it can be had. In mode `required` a node without it does not lead.

import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { demoteMarginMs, leadershipLeftMs, termOf } from '../../model/timing.ts'
import type { Millis } from '../../model/units.ts'
import { impossible, sameRequest, type WatchdogRequest, watchdogRequest } from '../../model/watchdog.ts'
import { type Facts, outcomeOf, recentFailure, tried } from '../facts.ts'

/** What is to be open now; null: nothing. In maintenance mode nothing resets a machine. */
export function wantedWatchdog({ self, settings }: Snapshot): WatchdogRequest | null {
  if (self.watchdog === undefined || settings.paused) return null
  return watchdogRequest(self.watchdog, settings)
}

/** With the arming of a fencer: a device that the fencer of a former agent has open passes to the new one. */
export function takingOver({ snap }: Facts): { readonly watchdog?: WatchdogRequest } {
  const request = wantedWatchdog(snap)
  return request === null || !snap.fencer.formerMayAct || impossible(request) !== null
    ? {}
    : { watchdog: request }
}

/** Open as is wanted now. */
function isWatched({ snap }: Facts): boolean {
  const request = wantedWatchdog(snap)
  const open = snap.fencer.watchdog ?? null
  return request !== null && open !== null && sameRequest(open.request, request)
}

/** What to open now; null: nothing. Mode `automatic` tries each configuration once. */
export function watchdogToOpen(facts: Facts): WatchdogRequest | null {
  const { snap, memory } = facts
  const request = wantedWatchdog(snap)
  if (request === null || isWatched(facts) || tried(snap, 'open-watchdog')) return null
  const failed = memory.watchdogFailure
  const isHopeless = request.mode === 'automatic' && failed !== null && sameRequest(failed.request, request)
  return isHopeless ? null : request
}

/**
 * A node that begins to be a primary opens the device at once, which leaves the lease less time: a start that could only be
 * followed by a stop is not begun. The promises of the members in failsafe mode are for a primary that runs, not for one
 * that is to be made.
 */
export function hasTimeToBegin(facts: Facts): boolean {
  const { lease, nowMs } = facts.snap
  return lease.leaderUntilMs - nowMs > marginOnceOpen(facts)
}

/** The same for a primary that runs. */
export function hasTimeToOpen(facts: Facts): boolean {
  const { lease, nowMs } = facts.snap
  return leadershipLeftMs(lease, nowMs) > marginOnceOpen(facts)
}

function marginOnceOpen(facts: Facts): Millis {
  const { lease, settings } = facts.snap
  const request = watchdogToOpen(facts)
  const term = termOf(lease, settings)
  const isPossible = request !== null && impossible(request) === null
  return demoteMarginMs(isPossible ? { ...term, resetAfterMs: request.timeoutS * 1000 } : term)
}

/** Why this node, which needs the device, must not lead; null: it has it, can have it as far as is known, or needs none. */
export function missingWatchdog(facts: Facts): string | null {
  const { snap } = facts
  const request = wantedWatchdog(snap)
  if (request?.mode !== 'required' || isWatched(facts)) return null
  const failed = recentFailure(facts, ['open-watchdog'], snap.settings.ttlMs)
  if (failed !== null) return failed.why
  const { device } = snap.fencer
  if (device === undefined) return `${request.device} was not looked at`
  return impossible(request) ?? (device.known ? device.value : device.why)
}

/** For `hactl list` and the log. */
export function describeMissing(why: string): string {
  return `the required watchdog is not usable (${why}): this node must not lead`
}

/** A node that needs the device and does not have it open. */
function lacksWatchdog(facts: Facts): boolean {
  return wantedWatchdog(facts.snap)?.mode === 'required' && !isWatched(facts)
}

/** The device that this node needs could not be opened in this beat. */
export function whyNotWatched(facts: Facts): string | null {
  if (!lacksWatchdog(facts)) return null
  const outcome = outcomeOf(facts.snap, 'open-watchdog')
  return outcome?.kind === 'failed' ? outcome.why : null
}

/** The same, or it was opened in this beat and is not open any more: the fencer acts when a beat outlasts the lease. */
export function whyNotYetWatched(facts: Facts): string | null {
  const isClosed = lacksWatchdog(facts) && tried(facts.snap, 'open-watchdog')
  return whyNotWatched(facts) ?? (isClosed ? 'it was opened and closed again' : null)
}

/** Bookkeeping: what became of the last try to open it. */
export function rememberWatchdog(memory: Memory, snap: Snapshot): Memory {
  const outcome = outcomeOf(snap, 'open-watchdog')
  if (outcome === null) return memory
  const request = wantedWatchdog(snap)
  if (outcome.kind !== 'failed' || request === null)
    return memory.watchdogFailure === null ? memory : { ...memory, watchdogFailure: null }
  const before = memory.watchdogFailure
  const isSame = before !== null && sameRequest(before.request, request)
  return {
    ...memory,
    watchdogFailure: { request, why: outcome.why, sinceMs: isSame ? before.sinceMs : snap.nowMs },
  }
}

/** For how long the device could not be opened as is wanted now. */
export function missingForMs({ snap, memory }: Facts): Millis {
  return memory.watchdogFailure === null ? 0 : snap.nowMs - memory.watchdogFailure.sinceMs
}

/** The failure is remembered, so that this node does not win the next race at once. */
export function unwatchedFailure({ snap }: Facts, why: string): Memory['lastFailure'] {
  return { job: 'open-watchdog', why, atMs: snap.nowMs }
}
