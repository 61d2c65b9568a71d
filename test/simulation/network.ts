// Who can reach whom. Links are one-way; a message under way when its link goes down is lost.

import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** A member's name, or `etcd`. */
export type Place = string

export class Network {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #cut = new Set<string>()
  readonly #slow = new Map<string, number>()

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler
    this.#random = random
  }

  cut(from: Place, to: Place): void {
    this.#cut.add(`${from} ${to}`)
  }

  mend(from: Place, to: Place): void {
    this.#cut.delete(`${from} ${to}`)
  }

  /** Every message of this direction takes `ms` longer; 0: as fast as the others again. */
  slow(from: Place, to: Place, ms: number): void {
    this.#slow.set(`${from} ${to}`, ms)
  }

  mendAll(): void {
    this.#cut.clear()
    this.#slow.clear()
  }

  isUp(from: Place, to: Place): boolean {
    return from === to || !this.#cut.has(`${from} ${to}`)
  }

  /** A TCP connection needs both directions. */
  connects(a: Place, b: Place): boolean {
    return this.isUp(a, b) && this.isUp(b, a)
  }

  latencyMs(from: Place, to: Place): number {
    return this.#random.skewed(1, 6) + (this.#slow.get(`${from} ${to}`) ?? 0)
  }

  /** Delivers unless the link is down now or on arrival. */
  send(from: Place, to: Place, deliver: () => void): void {
    if (!this.isUp(from, to)) return
    this.#scheduler.after(this.latencyMs(from, to), () => {
      if (this.isUp(from, to)) deliver()
    })
  }
}
