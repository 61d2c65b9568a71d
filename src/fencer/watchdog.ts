// The watchdog device as the fencer program feeds it: what time-out is wanted, whether the device took it, and
// whether this node may race without it (spec/ha.md 7).

import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Millis } from '../model/units.ts'
import type { Log } from '../ports/log.ts'
import type { Watchdog, WatchdogView } from '../ports/watchdog.ts'
import type { Program } from './program.ts'

export interface WatchdogOptions {
  readonly mode: 'off' | 'automatic' | 'required'
  readonly device: string
  /** `testing`: the device is a FIFO, the time-out is written to it as text. */
  readonly driver?: 'default' | 'testing'
  /** Negative: the time-out is half of the ttl. */
  readonly safetyMarginMs: Millis
  readonly ttlMs: Millis
  readonly loopWaitMs: Millis
}

interface WatchdogTiming {
  readonly timeoutSeconds: number
  /** How long a renewal may be late; negative: the watchdog would reset a healthy machine. */
  readonly slackSeconds: number
}

/** The machine is reset at most `ttl - margin` after the last confirmed renewal. */
export function watchdogTiming(ttlMs: Millis, loopWaitMs: Millis, safetyMarginMs: Millis): WatchdogTiming {
  const timeoutMs = safetyMarginMs < 0 ? ttlMs / 2 : ttlMs - safetyMarginMs
  const timeoutSeconds = Math.floor(timeoutMs / 1000)
  return { timeoutSeconds, slackSeconds: timeoutSeconds - loopWaitMs / 1000 }
}

export class DeviceWatchdog implements Watchdog {
  readonly #options: WatchdogOptions
  readonly #log: Log
  #timing: WatchdogTiming
  /** Program that has the device open, and the time-out asked of it. */
  #feeder: {
    readonly program: Program
    readonly wantedSeconds: number
    readonly actualSeconds: number
  } | null = null
  #problem: string | null = null

  constructor(options: WatchdogOptions, log: Log) {
    this.#options = options
    this.#log = log
    this.#timing = watchdogTiming(options.ttlMs, options.loopWaitMs, options.safetyMarginMs)
  }

  view(): WatchdogView {
    const active = this.#feeder?.program.running === true
    const timeoutSeconds = active ? (this.#feeder?.actualSeconds ?? null) : null
    return { mode: this.#options.mode, active, timeoutSeconds, problem: this.#problem }
  }

  retime(ttlMs: Millis, loopWaitMs: Millis): void {
    const timing = watchdogTiming(ttlMs, loopWaitMs, this.#options.safetyMarginMs)
    if (
      timing.timeoutSeconds === this.#timing.timeoutSeconds &&
      timing.slackSeconds === this.#timing.slackSeconds
    )
      return
    this.#timing = timing
    this.#problem = null
  }

  async usable(budgetMs: Millis): Promise<boolean> {
    if (this.#options.mode !== 'required') return true
    if (this.#timing.slackSeconds < 0 || this.#timing.timeoutSeconds < 1) return false
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>(resolve => {
      timer = setTimeout(resolve, budgetMs, false)
    })
    const writable = access(this.#options.device, constants.W_OK).then(
      () => true,
      () => false,
    )
    return Promise.race([writable, late]).finally(() => clearTimeout(timer))
  }

  /** After each confirmed arm: open, with the right time-out. False only when `required` and not so. */
  async ensure(program: Program, budgetMs: Millis): Promise<boolean> {
    if (this.#options.mode === 'off') return true
    const { timeoutSeconds } = this.#timing
    if (this.#feeder?.program === program && this.#feeder.wantedSeconds === timeoutSeconds) return true
    // Automatic mode does without, until the timing changes; required mode tries again each time.
    if (this.#options.mode === 'automatic' && this.#problem !== null) return true
    this.#feeder = null
    const problem = await this.#open(program, timeoutSeconds, budgetMs)
    if (problem !== null && problem !== this.#problem) this.#log.warning(`watchdog not active: ${problem}`)
    this.#problem = problem
    return problem === null || this.#options.mode === 'automatic'
  }

  /** The program has closed the device. */
  closed(): void {
    this.#feeder = null
  }

  async #open(program: Program, wantedSeconds: number, budgetMs: Millis): Promise<string | null> {
    const { device, driver = 'default', mode } = this.#options
    if (this.#timing.slackSeconds < 0 || wantedSeconds < 1) {
      return `its time-out of ${wantedSeconds} s would be shorter than loop_wait; raise ttl or lower safety_margin`
    }
    const reply = await program.ask('watchdog', `open ${driver} ${wantedSeconds} ${device}`, budgetMs)
    if (reply.kind !== 'done') return `${device}: ${reply.why}`
    const actualSeconds = Number(reply.rest)
    const late = actualSeconds > wantedSeconds
    if (late && mode === 'required') {
      await program.ask('watchdog', 'close', budgetMs)
      return `${device} only takes ${actualSeconds} s, more than the ${wantedSeconds} s that are safe`
    }
    if (late)
      this.#log.warning(
        `watchdog ${device} takes ${actualSeconds} s, more than the ${wantedSeconds} s that are safe`,
      )
    this.#feeder = { program, wantedSeconds, actualSeconds }
    this.#log.info(
      `watchdog ${device} activated with ${actualSeconds} second timeout, slack ${this.#timing.slackSeconds} seconds`,
    )
    return null
  }
}
