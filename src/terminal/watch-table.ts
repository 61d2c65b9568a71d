// `--watch`: repeats until Ctrl-C, or until nobody reads any more. On a terminal each frame replaces the one before,
// and only once it is complete: the screen is never blank while the command waits.

import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import { type Printed, print, printOverTheLast } from './print.ts'

/** The time that a frame takes is part of the interval. */
export async function repeat(clock: Clock, intervalMs: Millis, frame: () => Promise<Printed>): Promise<void> {
  let readerIsGone = false
  process.stdout.once('error', () => {
    readerIsGone = true
  })
  while (!readerIsGone) {
    const startMs = clock.bootMs()
    const shown = await frame()
    if (process.stdout.isTTY) printOverTheLast(shown)
    else print(shown)
    await clock.sleep(Math.max(0, intervalMs - (clock.bootMs() - startMs)))
  }
}
