// The real clock. Node cannot read CLOCK_BOOTTIME itself: os.uptime() does, in steps of 10 ms, and process.hrtime
// (CLOCK_MONOTONIC, which stands still while the machine is suspended) fills the steps.

import { uptime } from 'node:os'
import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

/** The boot clock cannot run back against the monotonic one; if it seems to, the machine was moved: start over. */
const REANCHOR_MS = 50
/** setTimeout's limit; a longer one would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

/**
 * `bootMs` is never late (never ahead of CLOCK_BOOTTIME) and at most 11 ms early: a deadline counted from a stamp
 * ends early, which is the safe side; but "not yet past the deadline" may be answered up to 11 ms too long.
 */
export function systemClock(): Clock {
  let offsetMs = Number.NEGATIVE_INFINITY
  function bootMs(): Millis {
    // Each reading is rounded down, and the other clock is read after it: every offset is a lower bound, and the
    // greatest seen is the best. A suspend makes it grow.
    const bootFloorMs = uptime() * 1000
    const monotonicMs = Number(process.hrtime.bigint() / 1000n) / 1000
    if (monotonicMs + offsetMs > bootFloorMs + REANCHOR_MS) offsetMs = Number.NEGATIVE_INFINITY
    offsetMs = Math.max(offsetMs, bootFloorMs - monotonicMs)
    return Math.floor(monotonicMs + offsetMs)
  }
  return { bootMs, wallMs: () => Date.now(), sleep }
}

function sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const finish = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, Math.min(Math.max(0, ms), TIMER_MAX_MS))
    signal?.addEventListener('abort', finish, { once: true })
  })
}
