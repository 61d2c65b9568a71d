// What the log says of requests above DEBUG, bounded for each client address: whoever can reach the port, with or without
// a password, must not be able to push the log's history out of its files.

import type { IncomingMessage } from 'node:http'
import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { plainAddress } from './request/allowlist.ts'

const WINDOW_MS: Millis = 60_000
/** Lines above DEBUG about the requests of one address in one minute. Nobody operates a cluster faster than this. */
const LINES_MAX = 30
/** Addresses that are told apart; the rest are counted as one. */
const ADDRESSES_MAX = 50
const OTHERS = 'other addresses'
/** The cluster does not allow it now: the request itself was a good one. */
const BECAUSE_OF_THE_CLUSTER: ReadonlySet<number> = new Set([404, 409, 412])

interface Window {
  told: number
  isRefusalTold: boolean
  refused: number
  lastRefused: string
  hidden: number
}

export class RequestLog {
  readonly #log: Log
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #windows = new Map<string, Window>()
  #counting: AbortController | null = null

  constructor(log: Log, clock: Pick<Clock, 'sleep'>) {
    this.#log = log
    this.#clock = clock
  }

  /** A request that would change something was answered with `status`. */
  answered(address: string, what: string, status: number): void {
    const isRefused = status >= 400 && status < 500 && !BECAUSE_OF_THE_CLUSTER.has(status)
    if (isRefused) this.#refused(address, `${what} (${status})`)
    else this.of(address).info(`REST API: ${what} from ${address}: ${status}`)
  }

  /** The log for what is said about a request of `address`: beyond its share, lines go to DEBUG and are counted. */
  of(address: string): Log {
    const tell = (level: 'info' | 'warning' | 'error', message: string): void => {
      const window = this.#window(this.#known(address))
      if (window.told < LINES_MAX) {
        window.told += 1
        this.#log[level](message)
        return
      }
      window.hidden += 1
      this.#log.debug(message)
    }
    return {
      debug: message => this.#log.debug(message),
      info: message => tell('info', message),
      warning: message => tell('warning', message),
      error: message => tell('error', message),
    }
  }

  /** Tells what was counted so far. */
  stop(): void {
    this.#counting?.abort()
    this.#counting = null
    this.#tellCounts()
    this.#windows.clear()
  }

  /**
   * A request was refused: the first one of `address` is told at once, those that follow are counted, and the count is
   * told after each minute until one passes without a refusal. Each of them is told at DEBUG.
   */
  #refused(address: string, what: string): void {
    const from = this.#known(address)
    const window = this.#window(from)
    this.#log.debug(`REST API: refused ${what} from ${address}`)
    if (window.isRefusalTold) {
      window.refused += 1
      window.lastRefused = what
      return
    }
    window.isRefusalTold = true
    this.#log.info(`REST API: refused ${what} from ${from}; more are counted, and told once a minute`)
  }

  #known(address: string): string {
    return this.#windows.has(address) || this.#windows.size < ADDRESSES_MAX ? address : OTHERS
  }

  #window(from: string): Window {
    const known = this.#windows.get(from)
    if (known !== undefined) return known
    const window = { told: 0, isRefusalTold: false, refused: 0, lastRefused: '', hidden: 0 }
    this.#windows.set(from, window)
    if (this.#counting === null) {
      this.#counting = new AbortController()
      void this.#count(this.#counting.signal)
    }
    return window
  }

  async #count(stopped: AbortSignal): Promise<void> {
    while (this.#windows.size > 0) {
      await this.#clock.sleep(WINDOW_MS, stopped)
      if (stopped.aborted) return
      this.#tellCounts()
    }
    this.#counting = null
  }

  /** A window in which nothing was counted ends; the next refusal of that address is told at once again. */
  #tellCounts(): void {
    for (const [from, window] of this.#windows) {
      if (window.refused === 0 && window.hidden === 0) this.#windows.delete(from)
      else this.#log.info(countText(from, window))
      Object.assign(window, { told: 0, refused: 0, hidden: 0 })
    }
  }
}

export function clientOf(request: IncomingMessage): string {
  return plainAddress(request.socket.remoteAddress) || 'a client that left'
}

function countText(from: string, { refused, lastRefused, hidden }: Window): string {
  const counts = [
    ...(refused === 0 ? [] : [`${refused} more requests refused, the last one ${lastRefused}`]),
    ...(hidden === 0 ? [] : [`${hidden} more lines only at level DEBUG`]),
  ]
  return `REST API: ${from} within a minute: ${counts.join('; ')}`
}
