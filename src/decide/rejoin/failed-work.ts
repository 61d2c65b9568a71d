// Work that failed: how long the agent waits before it tries again, and what it says meanwhile. A failure that may pass
// is retried soon. One that needs a person is retried rarely, because the agent does not learn when the cause is
// removed.

import type { FailedWork, WorkFailure } from '../../model/decision/memory.ts'
import type { FinishedWork } from '../../model/decision/work.ts'
import type { Millis } from '../../model/units.ts'
import type { Facts } from '../facts.ts'
import type { Choice } from '../rule.ts'

const FIRST_PAUSE_MS: Millis = 5000
/** A source that has come back is used soon. */
const PASSING_PAUSE_MAX_MS: Millis = 30_000
const LASTING_PAUSE_MAX_MS: Millis = 300_000

/** Counts how often the same work has failed in a row. */
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

/** The last failure, if it was one of these jobs and its pause is not over; null: try now. */
export function restingFrom({ memory, snap }: Facts, jobs: readonly FailedWork[]): WorkFailure | null {
  const failure = memory.lastFailure
  if (failure === null || !jobs.includes(failure.job)) return null
  return snap.nowMs - failure.atMs < pauseMs(failure, snap.settings.loopWaitMs) ? failure : null
}

/** The pause doubles with each failure. */
function pauseMs(failure: WorkFailure, loopWaitMs: Millis): Millis {
  const longest = failure.remedy === undefined ? PASSING_PAUSE_MAX_MS : LASTING_PAUSE_MAX_MS
  return Math.min(longest, Math.min(loopWaitMs, FIRST_PAUSE_MS) * 2 ** (timesFailed(failure) - 1))
}

/** The choice during the pause. Its reason stays the same, so that it is logged once. */
export function restAfter({ snap }: Facts, failure: WorkFailure): Choice {
  const overMs = failure.atMs + pauseMs(failure, snap.settings.loopWaitMs) - snap.nowMs
  return {
    reason: describeFailure(failure),
    wakeInMs: Math.min(overMs, snap.settings.loopWaitMs),
  }
}

/** Without the count, which trouble.ts shows: the text must not change. */
function describeFailure(failure: WorkFailure): string {
  const { job, remedy } = failure
  return `${job} failed: ${reasonOf(failure)}${remedy === undefined ? '; it is tried again' : ''}`
}

/** The cause, with the remedy where it is known. */
export function reasonOf({ why, remedy }: WorkFailure): string {
  if (remedy === undefined) return why
  return `${why.replace(/\.$/, '')}. HINT: ${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`
}
