// The real clock. Node cannot read CLOCK_BOOTTIME itself: os.uptime() does, in steps of 10 ms, and process.hrtime
// (CLOCK_MONOTONIC, which stands still while the machine is suspended) fills the steps.

import { uptime } from 'node:os'
import type { BootMillis, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

/** The boot clock cannot run back against the monotonic one; if it seems to, the machine was moved: start over. */
const REANCHOR_MS = 50
/** os.uptime() reads /proc (8 µs): thousands of health checks a second share one reading. */
const READING_VALID_MS = 1
/** setTimeout's limit; a longer one would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

interface KernelClocks {
  /** CLOCK_BOOTTIME, rounded down to 10 ms. */
  readonly uptimeMs: () => Millis
  readonly monotonicMs: () => Millis
}

const KERNEL: KernelClocks = {
  uptimeMs: () => uptime() * 1000,
  monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
}

/**
 * `bootMs` is never late (never ahead of CLOCK_BOOTTIME) and at most 11 ms early: a deadline counted from a stamp
 * ends early, which is the safe side; but "not yet past the deadline" may be answered up to 11 ms too long.
 * A suspend of the machine is noticed within the first millisecond that it runs again.
 */
export function systemClock(kernel: KernelClocks = KERNEL): Clock {
  let offsetMs = Number.NEGATIVE_INFINITY
  let readAtMs = Number.NEGATIVE_INFINITY
  function bootMs(): BootMillis {
    const beforeMs = kernel.monotonicMs()
    if (beforeMs < readAtMs + READING_VALID_MS) return Math.floor(beforeMs + offsetMs)
    // Each reading is rounded down, and the other clock is read after it: every offset is a lower bound, and the
    // greatest seen is the best. A suspend makes it grow.
    const bootFloorMs = kernel.uptimeMs()
    const nowMs = kernel.monotonicMs()
    // By what was read before the floor: this process may have stood still between the floor and `nowMs`.
    if (beforeMs + offsetMs > bootFloorMs + REANCHOR_MS) offsetMs = Number.NEGATIVE_INFINITY
    offsetMs = Math.max(offsetMs, bootFloorMs - nowMs)
    // A reading that took long is a poor bound, if it is the first: nobody shares it.
    readAtMs = nowMs - beforeMs < READING_VALID_MS ? nowMs : Number.NEGATIVE_INFINITY
    return Math.floor(nowMs + offsetMs)
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
