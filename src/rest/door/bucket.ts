// A token bucket: so many in a second, and so many at once after a quiet time.

import type { BootMillis } from '../../model/units.ts'

export interface Rate {
  readonly perSecond: number
  readonly atOnce: number
}

export class Bucket {
  readonly #rate: Rate
  #tokens: number
  #filledAtMs: BootMillis

  constructor(rate: Rate, nowMs: BootMillis) {
    this.#rate = rate
    this.#tokens = rate.atOnce
    this.#filledAtMs = nowMs
  }

  /** false: there are not so many. */
  take(count: number, nowMs: BootMillis): boolean {
    this.#fill(nowMs)
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  isFull(nowMs: BootMillis): boolean {
    this.#fill(nowMs)
    return this.#tokens >= this.#rate.atOnce
  }

  #fill(nowMs: BootMillis): void {
    const gained = (Math.max(0, nowMs - this.#filledAtMs) / 1000) * this.#rate.perSecond
    this.#tokens = Math.min(this.#rate.atOnce, this.#tokens + gained)
    this.#filledAtMs = nowMs
  }
}
