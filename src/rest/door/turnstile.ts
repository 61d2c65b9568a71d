// How much of the API's work reaches the agent's thread. What this lets through is what the agent can do beside its beats
// without being late, whoever asks and however much; the rest waits here, and is answered 503 by the API when it has waited
// too long or too many wait. The members have places of their own: a leader that is cut off from etcd must be heard (POST
// /failsafe).

import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { addressKey } from './address-key.ts'
import { Bucket } from './bucket.ts'

/** Requests under way; a switchover or a restart is under way until its end. */
const PLACES = 64
const PLACES_OF_MEMBERS = 16
const PLACES_OF_ADDRESS = 16
const RATE = { perSecond: 100, atOnce: 100 }
const RATE_OF_MEMBERS = { perSecond: 50, atOnce: 50 }
const WAITING_MAX = 256
const WAITING_OF_ADDRESS_MAX = 64
const WAIT_MS: Millis = 5000
const LOOK_EVERY_MS: Millis = 100
const LEFT = 'somebody has left'

export class Turnstile {
  readonly #clock: Pick<Clock, 'bootMs' | 'sleep'>
  readonly #isMember: (address: string) => boolean
  readonly #under = new Map<string, number>()
  readonly #everybody: Bucket
  readonly #members: Bucket
  readonly #waiting = new Map<string, number>()
  #waitingInAll = 0
  #left = new AbortController()
  #taken = 0

  constructor(isMember: (address: string) => boolean, clock: Pick<Clock, 'bootMs' | 'sleep'>) {
    this.#isMember = isMember
    this.#clock = clock
    this.#everybody = new Bucket(RATE, clock.bootMs())
    this.#members = new Bucket(RATE_OF_MEMBERS, clock.bootMs())
  }

  /** The function that gives the place back; null: there is none, not even after a wait. `signal`: the client has gone. */
  async enter(address: string | undefined, signal: AbortSignal): Promise<(() => void) | null> {
    const key = addressKey(address ?? '')
    const atOnce = this.#place(key)
    if (atOnce !== null) return atOnce
    const own = this.#waiting.get(key) ?? 0
    if (own >= WAITING_OF_ADDRESS_MAX || this.#waitingInAll >= WAITING_MAX) return null
    count(this.#waiting, key, 1)
    this.#waitingInAll += 1
    try {
      return await this.#waitForPlace(key, signal)
    } finally {
      count(this.#waiting, key, -1)
      this.#waitingInAll -= 1
    }
  }

  async #waitForPlace(key: string, signal: AbortSignal): Promise<(() => void) | null> {
    const endMs = this.#clock.bootMs() + WAIT_MS
    while (!signal.aborted && this.#clock.bootMs() < endMs) {
      await this.#clock.sleep(LOOK_EVERY_MS, AbortSignal.any([this.#left.signal, signal]))
      if (signal.aborted) return null
      const place = this.#place(key)
      if (place !== null) return place
    }
    return null
  }

  #place(key: string): (() => void) | null {
    const own = this.#under.get(key) ?? 0
    const isMember = this.#isMember(key)
    const places = isMember ? PLACES : PLACES - PLACES_OF_MEMBERS
    if (own >= PLACES_OF_ADDRESS || this.#taken >= places) return null
    const nowMs = this.#clock.bootMs()
    if (!this.#everybody.take(1, nowMs) && !(isMember && this.#members.take(1, nowMs))) return null
    this.#taken += 1
    count(this.#under, key, 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#taken -= 1
      count(this.#under, key, -1)
      this.#left.abort(LEFT)
      this.#left = new AbortController()
    }
  }
}

/** Nothing is kept of who has none. */
function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by
  if (now === 0) counts.delete(key)
  else counts.set(key, now)
}
