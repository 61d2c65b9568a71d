// Work that no beat waits for: what a hung disk holds up goes on beside the beats, which renew the lease meanwhile.

import { errorText } from '../model/error-text.ts'
import type { BootMillis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

interface SideWork<T> {
  /** There must be none in progress. What former work came to and nobody took is forgotten. */
  begin(work: () => Promise<T>): void
  /** null: there is none in progress. */
  runningSinceMs(): BootMillis | null
  /** The result, once; null: none, or not yet. */
  take(): T | null
}

interface SideWorkPorts<T> {
  readonly clock: Pick<Clock, 'bootMs'>
  /** It has ended: a beat should take what it came to. */
  readonly ended: () => void
  /** What a throw comes to: a bug, or a system call that never fails in good times. */
  readonly thrown: (why: string) => T
}

export function createSideWork<T>({ clock, ended, thrown }: SideWorkPorts<T>): SideWork<T> {
  let sinceMs: BootMillis | null = null
  let result: T | null = null

  return {
    runningSinceMs: () => sinceMs,
    begin(work) {
      if (sinceMs !== null) throw new Error('work beside the beats is in progress already')
      result = null
      sinceMs = clock.bootMs()
      const over = (value: T): void => {
        result = value
        sinceMs = null
        ended()
      }
      work().then(over, error => over(thrown(errorText(error))))
    },
    take() {
      const taken = result
      result = null
      return taken
    },
  }
}
