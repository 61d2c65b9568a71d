// Clusters in synchronous mode, and operators who switch the mode while it runs.

import type { JsonObject } from '../../../src/model/cluster/cluster.ts'
import { CONFIG } from '../../../src/wire/keys.ts'
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

  #switch(): void {
    const key = absoluteKey(CONFIG)
    const entry = this.#world.etcd.get(key)
    const parsed = entry === null ? null : parseConfig(entry.text)
    if (parsed?.valid !== true) return
    const change = this.#random.pick(CHANGES)
    this.#world.trace('operator', `switches ${JSON.stringify(change)}`)
    this.#world.etcd.put(key, JSON.stringify({ ...parsed.document, ...change }))
  }
}
