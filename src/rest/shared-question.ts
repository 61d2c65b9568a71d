// A question whose answer many may share: however many clients ask at once, few are put. A caller never gets the answer to
// a question that was put before its own request.

import type { BootMillis, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'

/** How long a question waits for the one before it: an answer that hangs must not cost a client two budgets. */
const TURN_MS: Millis = 250

/** The least distance between two questions: clients that ask without a pause cost whoever answers a known share of its time. */
const APART_MS: Millis = 20

const ANSWERED = 'answered'

export class SharedQuestion<T> {
  readonly #ask: () => Promise<T>
  readonly #clock: Pick<Clock, 'bootMs' | 'sleep'>
  #putAtMs: BootMillis = Number.NEGATIVE_INFINITY
  /** Aborts when the last question that was put has its answer. */
  #running: AbortController | null = null
  /** Not put yet: everybody who asks meanwhile shares it. */
  #next: Promise<T> | null = null

  /** `ask` must not reject. */
  constructor(ask: () => Promise<T>, clock: Pick<Clock, 'bootMs' | 'sleep'>) {
    this.#ask = ask
    this.#clock = clock
  }

  answer(): Promise<T> {
    this.#next ??= this.#takeTurn()
    return this.#next
  }

  async #takeTurn(): Promise<T> {
    if (this.#running !== null) await this.#clock.sleep(TURN_MS, this.#running.signal)
    const earlyMs = this.#putAtMs + APART_MS - this.#clock.bootMs()
    if (earlyMs > 0) await this.#clock.sleep(earlyMs)
    else await Promise.resolve()
    this.#next = null
    this.#putAtMs = this.#clock.bootMs()
    const ended = new AbortController()
    this.#running = ended
    try {
      return await this.#ask()
    } finally {
      if (this.#running === ended) this.#running = null
      ended.abort(ANSWERED)
    }
  }
}
