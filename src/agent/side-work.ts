// Work that no beat waits for: it may hang on a disk while the beats go on and renew the lease.

import { errorText } from '../model/error-text.ts'
import type { BootMillis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

interface SideWork<T> {
  /** None may be in progress. An earlier result that was not taken is dropped. */
  begin(work: () => Promise<T>): void
  /** null: there is none in progress. */
  runningSinceMs(): BootMillis | null
  /** The result, once; null: none, or not yet. */
  take(): T | null
}

interface SideWorkPorts<T> {
  readonly clock: Pick<Clock, 'bootMs'>
  /** Called when the work has ended: a beat should take the result. */
  readonly ended: () => void
  /** The result of a throw: a bug, or a system error such as a full disk. */
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
