// `--watch`: repeats until Ctrl-C, or until nobody reads any more. On a terminal each frame replaces the one before,
// and only once it is complete: the screen is never blank while the command waits.

import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

const HOME = '\u001b[H'
const REST_OF_LINE_AWAY = '\u001b[K'
const REST_OF_SCREEN_AWAY = '\u001b[J'

/** A command's output: `out` goes to stdout, `err` to stderr. */
export interface Printed {
  readonly out: string
  readonly err: string
}

/** The time that a frame takes is part of the interval. */
export async function repeat(clock: Clock, intervalMs: Millis, frame: () => Promise<Printed>): Promise<void> {
  let readerIsGone = false
  process.stdout.once('error', () => {
    readerIsGone = true
  })
  while (!readerIsGone) {
    const startMs = clock.bootMs()
    const { out, err } = await frame()
    if (process.stdout.isTTY) {
      process.stdout.write(overTheLast(out + err))
    } else {
      process.stdout.write(out)
      process.stderr.write(err)
    }
    await clock.sleep(Math.max(0, intervalMs - (clock.bootMs() - startMs)))
  }
}

function overTheLast(text: string): string {
  return HOME + text.replaceAll('\n', `${REST_OF_LINE_AWAY}\n`) + REST_OF_SCREEN_AWAY
}
