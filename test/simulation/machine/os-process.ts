// An operating-system process of an agent: what arrives for it (timers, answers, notices) waits while it is stopped
// (SIGSTOP) and is lost when it is dead. It sees time by its machine's boot clock, which goes on in any case.

import type { Clock } from '../../../src/ports/clock.ts'
import type { Scheduler, Timer } from '../scheduler.ts'
import type { BootClock } from './boot-clock.ts'

export const WALL_AT_START_MS = Date.UTC(2026, 10, 22, 9, 0, 0)

export class OsProcess {
  readonly clock: Clock
  readonly #scheduler: Scheduler
  readonly #boot: BootClock
  #state: 'running' | 'stopped' | 'dead' = 'running'
  #held: (() => void)[] = []

  constructor(scheduler: Scheduler, boot: BootClock) {
    this.#scheduler = scheduler
    this.#boot = boot
    this.clock = {
      bootMs: () => boot.nowMs(),
      wallMs: () => WALL_AT_START_MS + Math.floor(scheduler.nowMs),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    }
  }

  get runs(): boolean {
    return this.#state === 'running'
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  /** Something for the process: now, when it goes on, or never. */
  deliver(run: () => void): void {
    if (this.#state === 'dead') return
    if (this.#state === 'stopped') this.#held.push(run)
    else run()
  }

  /** `ms` by the machine's own clock. */
  after(ms: number, run: () => void): Timer {
    return this.#scheduler.after(this.#boot.virtualMs(ms), () => this.deliver(run))
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped'
  }

  /** Everything that came meanwhile is there at once, in its order. */
  goOn(): void {
    if (this.#state !== 'stopped') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    for (const run of held) this.#scheduler.after(0, () => this.deliver(run))
  }

  kill(): void {
    this.#state = 'dead'
    this.#held = []
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted === true) {
        resolve()
        return
      }
      const finish = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = this.after(ms, finish)
      signal?.addEventListener('abort', finish, { once: true })
    })
  }
}
