// Work that a beat waits for, but only once and not for long: what a hung disk holds up goes on beside the beats, which renew
// the lease meanwhile.

import type { BootMillis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

interface SideWork<T> {
  /** There must be none in progress. What former work came to and nobody took is forgotten. */
  begin(work: () => Promise<T>): void
  isRunning(): boolean
  /** What it came to, once; null: nothing, or not yet. The first call waits for it until then, the next ones do not. */
  take(untilMs: BootMillis): Promise<T | null>
}

interface SideWorkPorts {
  /** For the log: a clause without its end. */
  readonly what: string
  readonly clock: Clock
  readonly log: Log
  /** Late work has ended: a beat should take what it came to. */
  readonly wake: (cause: string) => void
}

type Ended<T> = { readonly value: T } | { readonly error: unknown }

export function createSideWork<T>({ what, clock, log, wake }: SideWorkPorts): SideWork<T> {
  let running: Promise<void> | null = null
  let ended: Ended<T> | null = null
  let isLate = false

  async function run(work: () => Promise<T>, beganMs: BootMillis): Promise<void> {
    const end: Ended<T> = await work().then(
      value => ({ value }),
      error => ({ error }),
    )
    ended = end
    running = null
    if (!isLate) return
    log.info(`${what}: done after ${Math.round((clock.bootMs() - beganMs) / 1000)} s`)
    wake(`${what}: done`)
  }

  async function wait(work: Promise<void>, untilMs: BootMillis): Promise<void> {
    const stop = new AbortController()
    await Promise.race([work, clock.sleep(Math.max(0, untilMs - clock.bootMs()), stop.signal)])
    stop.abort()
  }

  return {
    isRunning: () => running !== null,
    begin(work) {
      if (running !== null) throw new Error(`${what}: it is in progress`)
      ended = null
      isLate = false
      running = run(work, clock.bootMs())
    },
    async take(untilMs) {
      if (running !== null && !isLate) {
        await wait(running, untilMs)
        isLate = running !== null
        if (isLate)
          log.warning(
            `${what}: not done yet, the agent goes on meanwhile. HINT: look for a disk that does not answer`,
          )
      }
      const taken = ended
      ended = null
      if (taken === null) return null
      if ('error' in taken) throw taken.error
      return taken.value
    },
  }
}
