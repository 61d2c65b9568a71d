// Clusters in synchronous mode, and operators who switch the mode while it runs.

import type { JsonObject } from '../../../src/model/cluster/cluster.ts'
import { CONFIG, SYNC } from '../../../src/wire/keys.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import type { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

const CHANGES: readonly JsonObject[] = [
  { synchronous_mode: 'on' },
  { synchronous_mode: 'on' },
  { synchronous_mode: 'quorum' },
  { synchronous_mode: 'quorum' },
  { synchronous_mode: 'off' },
  { synchronous_mode_strict: true },
  { synchronous_mode_strict: false },
  { synchronous_node_count: 2 },
  { synchronous_node_count: 1 },
  { maximum_lag_on_syncnode: 3000 },
  { maximum_lag_on_syncnode: -1 },
]

/** What the cluster begins with; empty: asynchronous. */
export function firstSyncMode(random: Random): JsonObject {
  return {
    synchronous_mode: random.pick(['on', 'quorum', 'quorum']),
    ...(random.chance(0.3) ? { synchronous_mode_strict: true } : {}),
    ...(random.chance(0.4) ? { synchronous_node_count: 2 } : {}),
  }
}

export class ModeSwitcher {
  readonly #world: World
  readonly #random: Random

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
  }

  begin(fromMs: number, untilMs: number): void {
    this.#ambush(fromMs, untilMs)
    const next = (): void => {
      const afterMs = this.#random.skewed(500, 20_000)
      this.#world.scheduler.after(afterMs, () => {
        if (this.#world.nowMs > untilMs || this.#world.healed) return
        this.#switch()
        next()
      })
    }
    this.#world.scheduler.after(fromMs, next)
  }

  /**
   * Who is named in `sync` may have to lead at once: its primary loses its power as soon as it has written that key, while WAL is
   * late on its way to a standby.
   */
  #ambush(fromMs: number, untilMs: number): void {
    const { etcd, scheduler } = this.#world
    etcd.onChange(changes => {
      const isWritten = changes.some(({ key, value }) => key === absoluteKey(SYNC) && value !== null)
      const { nowMs, healed } = this.#world
      if (!isWritten || healed || nowMs < fromMs || nowMs > untilMs || !this.#random.chance(0.2)) return
      scheduler.after(this.#random.skewed(1, 400), () => {
        const leader = this.#world.machine(this.#world.leaderKey() ?? '')
        if (leader === null || !leader.up || this.#world.healed) return
        this.#world.trace('FAULT', `${leader.name} loses its power just after it has written the sync key`)
        leader.powerOff()
        scheduler.after(this.#random.skewed(4000, 40_000), () => {
          if (!this.#world.healed) leader.powerOn()
        })
      })
    })
  }

  /** One standby, or every one: then the one that is chosen lacks something. */
  #delaySomebody(): void {
    const { machines, lags, scheduler } = this.#world
    const late = this.#random.chance(0.5) ? machines : [this.#random.pick(machines)]
    for (const { name } of late) {
      this.#world.trace('FAULT', `${name} receives WAL late`)
      lags.set(name, this.#random.skewed(300, 8000))
      scheduler.after(this.#random.skewed(2000, 15_000), () => lags.delete(name))
    }
  }

  #switch(): void {
    if (this.#random.chance(0.5)) this.#delaySomebody()
    const key = absoluteKey(CONFIG)
    const entry = this.#world.etcd.get(key)
    const parsed = entry === null ? null : parseConfig(entry.text)
    if (parsed?.valid !== true) return
    const change = this.#random.pick(CHANGES)
    this.#world.trace('operator', `switches ${JSON.stringify(change)}`)
    this.#world.etcd.put(key, JSON.stringify({ ...parsed.document, ...change }))
  }
}
