// Work that failed: how long it rests before it is tried again, and what is said about it. What may pass is tried again
// soon; what needs somebody to do something is tried again too, for nobody tells the agent that it was done, but rarely.

import type { FailedWork, WorkFailure } from '../../model/decision/memory.ts'
import type { FinishedWork } from '../../model/decision/work.ts'
import type { Millis } from '../../model/units.ts'
import type { Facts } from '../facts.ts'
import type { Choice } from '../rule.ts'

const FIRST_PAUSE_MS: Millis = 5000
/** A source that comes back is not kept waiting long. */
const PASSING_PAUSE_MAX_MS: Millis = 30_000
const LASTING_PAUSE_MAX_MS: Millis = 300_000

/** The same work in a row counts as often as it failed. */
export function failureAfter(before: WorkFailure | null, work: FinishedWork): WorkFailure {
  const count = before?.job === work.job.kind ? timesFailed(before) + 1 : 1
  return {
    job: work.job.kind,
    why: work.why,
    atMs: work.finishedAtMs,
    ...(count > 1 ? { count } : {}),
    ...(work.remedy === undefined ? {} : { remedy: work.remedy }),
  }
}

export function timesFailed(failure: WorkFailure): number {
  return failure.count ?? 1
}

/** The last failure when it was of one of these jobs and its pause is not over; null: try. */
export function restingFrom({ memory, snap }: Facts, jobs: readonly FailedWork[]): WorkFailure | null {
  const failure = memory.lastFailure
  if (failure === null || !jobs.includes(failure.job)) return null
  return snap.nowMs - failure.atMs < pauseMs(failure, snap.settings.loopWaitMs) ? failure : null
}

/** Twice as long after each failure. */
function pauseMs(failure: WorkFailure, loopWaitMs: Millis): Millis {
  const longest = failure.remedy === undefined ? PASSING_PAUSE_MAX_MS : LASTING_PAUSE_MAX_MS
  return Math.min(longest, Math.min(loopWaitMs, FIRST_PAUSE_MS) * 2 ** (timesFailed(failure) - 1))
}

/** What is said while it rests; the same each time, so that it is told once. */
export function restAfter({ snap }: Facts, failure: WorkFailure): Choice {
  const overMs = failure.atMs + pauseMs(failure, snap.settings.loopWaitMs) - snap.nowMs
  return {
    reason: describeFailure(failure),
    wakeInMs: Math.min(overMs, snap.settings.loopWaitMs),
  }
}

/** How often is said where it is looked for (trouble.ts). */
function describeFailure(failure: WorkFailure): string {
  const { job, remedy } = failure
  return `${job} failed: ${reasonOf(failure)}${remedy === undefined ? '; it is tried again' : ''}`
}

/** Why, and what helps where that is known. */
export function reasonOf({ why, remedy }: WorkFailure): string {
  if (remedy === undefined) return why
  return `${why.replace(/\.$/, '')}. HINT: ${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`
}
