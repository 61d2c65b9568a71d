// How much of the API's work reaches the agent's thread. What this lets through is what the agent can do beside its beats
// without being late, whoever asks and however much; the rest is answered 503 by the API. The members have places of their
// own: a leader that is cut off from etcd must be heard (POST /failsafe).

import type { Clock } from '../../ports/clock.ts'
import { addressKey } from './address-key.ts'
import { Bucket } from './bucket.ts'

/** Requests under way; a switchover or a restart is under way until its end. */
const PLACES = 64
const PLACES_OF_MEMBERS = 16
const PLACES_OF_ADDRESS = 16
const RATE = { perSecond: 100, atOnce: 100 }
const RATE_OF_MEMBERS = { perSecond: 50, atOnce: 50 }

export class Turnstile {
  readonly #clock: Pick<Clock, 'bootMs'>
  readonly #isMember: (address: string) => boolean
  readonly #under = new Map<string, number>()
  readonly #everybody: Bucket
  readonly #members: Bucket
  #taken = 0

  constructor(isMember: (address: string) => boolean, clock: Pick<Clock, 'bootMs'>) {
    this.#isMember = isMember
    this.#clock = clock
    this.#everybody = new Bucket(RATE, clock.bootMs())
    this.#members = new Bucket(RATE_OF_MEMBERS, clock.bootMs())
  }

  /** The function that gives the place back; null: there is none. */
  enter(address: string | undefined): (() => void) | null {
    const key = addressKey(address ?? '')
    const own = this.#under.get(key) ?? 0
    const isMember = this.#isMember(key)
    const places = isMember ? PLACES : PLACES - PLACES_OF_MEMBERS
    if (own >= PLACES_OF_ADDRESS || this.#taken >= places) return null
    const nowMs = this.#clock.bootMs()
    if (!this.#everybody.take(1, nowMs) && !(isMember && this.#members.take(1, nowMs))) return null
    this.#taken += 1
    this.#under.set(key, own + 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#taken -= 1
      const left = (this.#under.get(key) ?? 1) - 1
      if (left === 0) this.#under.delete(key)
      else this.#under.set(key, left)
    }
  }
}
