// Time, so that it can be simulated, and limits by it. Deadlines use `bootMs` only; `wallMs` is for people and schedules.

import type { BootMillis, Millis, WallMillis } from '../model/units.ts'

export interface Clock {
  /** CLOCK_BOOTTIME in milliseconds. */
  bootMs(): BootMillis
  wallMs(): WallMillis
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>
}

/** Named, because an abort without a reason makes an exception with a stack each time: a tenth of a beat's processor time. */
const OVER = 'the wait is over'

/** What the work brings, or `late()` if it takes longer. It is left alone then, and what it brings later is dropped. */
export async function inTime<T>(
  work: Promise<T>,
  limitMs: Millis,
  clock: Pick<Clock, 'sleep'>,
  late: () => T,
): Promise<T> {
  const over = new AbortController()
  try {
    const limit = clock.sleep(limitMs, over.signal)
    // The end of the wait ends this sleep too: nothing was late then.
    return await Promise.race([work, limit.then(() => (over.signal.aborted ? work : late()))])
  } finally {
    over.abort(OVER)
  }
}
