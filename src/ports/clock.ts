// Time, so that it can be simulated. Deadlines use `bootMs` only; `wallMs` is for people and schedules.

import type { BootMillis, Millis, WallMillis } from '../model/units.ts'

export interface Clock {
  /** CLOCK_BOOTTIME in milliseconds. */
  bootMs(): BootMillis
  wallMs(): WallMillis
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>
}
