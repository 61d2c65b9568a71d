// The fencer's notes on disk are waited for, but not for ever: a hung disk, or one that takes nothing, must not keep a
// node from being fenced. The reason of a failure is logged once, until a write succeeds.

import { errorText } from '../model/error-text.ts'
import type { Millis } from '../model/units.ts'
import { type Clock, inTime } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

export class DiskWrites {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #log: Log
  #problem: string | null = null
  #writing: Promise<boolean> | null = null

  constructor(clock: Pick<Clock, 'sleep'>, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Why the last write failed; null: it succeeded. */
  get problem(): string | null {
    return this.#problem
  }

  /** True when the write finishes in time. One that hangs keeps a thread: none is begun beside it. */
  async done(write: () => Promise<void>, budgetMs: Millis): Promise<boolean> {
    if (this.#writing !== null) {
      await inTime(this.#writing, budgetMs, this.#clock, late)
      if (this.#writing !== null) return false
    }
    this.#writing = this.#outcome(write()).finally(() => {
      this.#writing = null
    })
    return await inTime(this.#writing, budgetMs, this.#clock, late)
  }

  #outcome(write: Promise<void>): Promise<boolean> {
    return write.then(
      () => {
        this.#problem = null
        return true
      },
      (error: unknown) => {
        this.#failed(errorText(error))
        return false
      },
    )
  }

  #failed(why: string): void {
    if (this.#problem === null)
      this.#log.warning(`fencer: ${why}: should this agent die, the next one will not know of its fencer`)
    this.#problem = why
  }
}

const late = (): boolean => false
