// What `automatic_failover_interval` promises: after an automatic failover nobody else takes over by itself before it is over.
// Judged by etcd alone: when the note of the failover came, who takes the leader key, and whether somebody wanted that.

import { settingsInForce } from '../../../src/config/dynamic.ts'
import { CONFIG, FAILOVER, LAST_LEADER, LEADER, TAKEOVERS } from '../../../src/wire/keys.ts'
import { parseTakeovers } from '../../../src/wire/own-keys/takeover-record.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import type { KeyChange } from '../store/etcd.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

/** In which a change of the configuration, or a request that is gone again, may still decide. */
const RECENT_MS = 30_000
/** Clocks of the machines run fast or slow by as much. */
const CLOCK_RATE = 0.99
const NOBODYS_WISH: readonly string[] = ['lease-ended', 'crash', 'unknown']

interface Configured {
  readonly sinceMs: number
  readonly intervalMs: number
}

export class IntervalCheck {
  readonly #world: World
  #configured: Configured[] = []
  #holder: string | null = null
  /** The leader key was given up in good order. */
  #givenUp: boolean = false
  #requestAtMs = Number.NEGATIVE_INFINITY
  /** The automatic failover that holds the next one back; null: none does. */
  #last: { readonly note: string; readonly to: string; readonly atMs: number } | null = null

  constructor(world: World) {
    this.#world = world
    world.etcd.onChange(changes => this.#changed(changes))
  }

  #changed(changes: readonly KeyChange[]): void {
    const text = (key: string) => {
      const change = changes.find(({ key: changed }) => changed === absoluteKey(key))
      return change === undefined ? undefined : (change.value?.text ?? null)
    }
    const config = text(CONFIG)
    if (config !== undefined) this.#configure(config)
    if (text(FAILOVER) !== undefined) this.#requestAtMs = this.#world.nowMs
    const leader = text(LEADER)
    if (leader === null) this.#givenUp = text(LAST_LEADER) === ''
    if (typeof leader === 'string') this.#led(leader)
    const takeovers = text(TAKEOVERS)
    if (takeovers !== undefined) this.#noted(takeovers)
  }

  #configure(text: string | null): void {
    const { nowMs } = this.#world
    const parsed = text === null ? null : parseConfig(text)
    const intervalMs =
      parsed?.valid === true ? settingsInForce(parsed.document, null).settings.failoverIntervalMs : 0
    const old = this.#configured.filter(({ sinceMs }, index, all) => {
      const endedMs = all[index + 1]?.sinceMs ?? nowMs
      return sinceMs > nowMs - RECENT_MS || endedMs > nowMs - RECENT_MS
    })
    this.#configured = [...old, { sinceMs: nowMs, intervalMs }]
  }

  /** The shortest that was in force lately. */
  #intervalMs(): number {
    const { nowMs } = this.#world
    const counts = this.#configured.filter((_, index, all) => {
      const endedMs = all[index + 1]?.sinceMs ?? Number.POSITIVE_INFINITY
      return endedMs > nowMs - RECENT_MS
    })
    return counts.length === 0 ? 0 : Math.min(...counts.map(({ intervalMs }) => intervalMs))
  }

  #noted(text: string | null): void {
    const last =
      text === null ? undefined : parseTakeovers(text).findLast(({ cause }) => cause !== 'given-up')
    if (last === undefined || last.settled === true || !NOBODYS_WISH.includes(last.cause)) this.#last = null
    else {
      const note = `${last.from} ${last.to} ${last.at}`
      if (this.#last?.note !== note) this.#last = { note, to: last.to, atMs: this.#world.nowMs }
    }
  }

  #led(name: string): void {
    const before = this.#holder
    const wasGivenUp = this.#givenUp
    this.#holder = name
    this.#givenUp = false
    const { etcd, nowMs } = this.#world
    const last = this.#last
    if (last === null || before === name || last.to === name || wasGivenUp) return
    if (this.#world.machine(name)?.server?.inRecovery === false) return
    if (etcd.get(absoluteKey(FAILOVER)) !== null || nowMs - this.#requestAtMs < RECENT_MS) return
    const waitedMs = nowMs - last.atMs
    if (waitedMs >= this.#intervalMs() * CLOCK_RATE) return
    this.#world.checks.violated(
      `${name} takes over from ${before} by itself ${Math.round(waitedMs)} ms after the failover to ${last.to}, automatic_failover_interval is ${this.#intervalMs()} ms`,
    )
  }
}
