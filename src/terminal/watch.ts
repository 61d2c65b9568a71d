// `--watch`: prints again and again until Ctrl-C. On a terminal each frame takes the place of the one before.

import type { Clock } from '../ports/clock.ts'

const CLEAR = '\u001b[H\u001b[2J'

/** The time that a frame takes is part of the interval. Ends only with the process. */
export async function repeat(clock: Clock, intervalMs: number, frame: () => Promise<void>): Promise<never> {
  for (;;) {
    const startMs = clock.bootMs()
    if (process.stdout.isTTY) process.stdout.write(CLEAR)
    await frame()
    await clock.sleep(Math.max(0, intervalMs - (clock.bootMs() - startMs)))
  }
}
