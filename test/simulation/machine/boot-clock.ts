// A machine's boot-time clock: it begins anew with each boot and runs a little fast or slow.

import type { Scheduler } from '../scheduler.ts'

export class BootClock {
  readonly #scheduler: Scheduler
  readonly #rate: number
  #bootedAtMs: number
  #aheadMs: number

  /** `aheadMs`: what it shows now. */
  constructor(scheduler: Scheduler, rate: number, aheadMs: number) {
    this.#scheduler = scheduler
    this.#rate = rate
    this.#bootedAtMs = scheduler.nowMs
    this.#aheadMs = aheadMs
  }

  nowMs(): number {
    return Math.floor(this.#aheadMs + (this.#scheduler.nowMs - this.#bootedAtMs) * this.#rate)
  }

  reboot(): void {
    this.#bootedAtMs = this.#scheduler.nowMs
    this.#aheadMs = 5000
  }

  /** How much virtual time passes while this clock counts `ms`. */
  virtualMs(ms: number): number {
    return Math.ceil(ms / this.#rate)
  }
}
