// Keeps the API's copy of the node's state up to date: what has changed is sent after each beat and each look, and once a
// second. While the thread has not taken the last part, the next one waits and grows no longer.

import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PublishedReadings } from './words.ts'

interface PublisherPorts {
  readonly readings: () => PublishedReadings
  /** Resolves when the thread has taken them; rejects when it has ended. */
  readonly send: (changed: Partial<PublishedReadings>) => Promise<unknown>
  readonly alive: () => void
  readonly clock: Pick<Clock, 'sleep'>
}

const ALIVE_EVERY_MS: Millis = 250
/** Things that age without a beat: the progress of work, a step that hangs. */
const PUBLISH_EVERY = 4

export class Publisher {
  readonly #ports: PublisherPorts
  #sent: PublishedReadings
  /** How many parts the thread has not taken yet. */
  #underWay = 0
  #isDue = false

  /** `first`: what the thread began with. */
  constructor(ports: PublisherPorts, first: PublishedReadings) {
    this.#ports = ports
    this.#sent = first
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn = (turn + 1) % PUBLISH_EVERY) {
      this.#ports.alive()
      if (turn === 0) this.publish()
      await this.#ports.clock.sleep(ALIVE_EVERY_MS, signal)
    }
  }

  /** Something may have changed. */
  publish(): void {
    this.#ports.alive()
    if (this.#underWay === 0) this.now()
    else this.#isDue = true
  }

  /** Sends at once: an answer that is sent after this finds the thread up to date. */
  now(): void {
    const changed = this.#changed()
    if (Object.keys(changed).length === 0) return
    this.#sent = { ...this.#sent, ...changed }
    this.#underWay += 1
    // A thread that has ended takes nothing; the next one begins with everything.
    void this.#ports.send(changed).then(
      () => this.#taken(),
      () => this.#taken(),
    )
  }

  #taken(): void {
    this.#underWay -= 1
    if (this.#underWay > 0 || !this.#isDue) return
    this.#isDue = false
    this.publish()
  }

  #changed(): Partial<PublishedReadings> {
    const next = this.#ports.readings()
    const keys = Object.keys(next) as (keyof PublishedReadings)[]
    return Object.fromEntries(keys.filter(key => !isSame(key, next, this.#sent)).map(key => [key, next[key]]))
  }
}

/** Small ones are made anew each time: they are compared by what they say. */
const SMALL: ReadonlySet<keyof PublishedReadings> = new Set(['failsafe', 'extra', 'logger'])

function isSame(key: keyof PublishedReadings, a: PublishedReadings, b: PublishedReadings): boolean {
  return a[key] === b[key] || (SMALL.has(key) && JSON.stringify(a[key]) === JSON.stringify(b[key]))
}
