// Clusters whose failovers wait for one another (`automatic_failover_interval`), and operators who change that while one waits.

import type { JsonObject } from '../../../src/model/cluster/cluster.ts'
import { CONFIG, TAKEOVERS } from '../../../src/wire/keys.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

/** Nobody leads for so long, at most, once all is well again: an operator who is patient. */
const INTERVAL_MAX_S = 200

/** In some clusters; in some of those it is changed on the way. With chances of its own: what else a seed stands for stays as it was. */
export function intervalsOf(seed: number): {
  readonly first: JsonObject
  /** For so long nobody may take over, at most. */
  readonly longestMs: number
  readonly begin: (world: World, fromMs: number, untilMs: number) => void
} {
  const random = new Random(seed ^ 0x1417e4)
  if (!random.chance(0.15)) return { first: {}, longestMs: 0, begin: () => {} }
  const first = firstInterval(random)
  const isChanged = random.chance(0.4)
  const begin = (world: World, fromMs: number, untilMs: number): void => {
    if (isChanged) changeIntervals(world, random.fork(), fromMs, untilMs)
    loseLeaders(world, random.fork(), fromMs, untilMs)
  }
  return { first, longestMs: INTERVAL_MAX_S * 1000, begin }
}

/** What the cluster begins with. */
function firstInterval(random: Random): JsonObject {
  return { automatic_failover_interval: random.pick([20, 60, INTERVAL_MAX_S]) }
}

function changeIntervals(world: World, random: Random, fromMs: number, untilMs: number): void {
  const next = (): void => {
    world.scheduler.after(random.skewed(5000, 60_000), () => {
      if (world.nowMs > untilMs || world.healed) return
      change(world, random)
      next()
    })
  }
  world.scheduler.after(fromMs, next)
}

/** The leader is lost, and then who has taken over: two failovers in a row are rare otherwise. */
function loseLeaders(world: World, random: Random, fromMs: number, untilMs: number): void {
  const lose = (): void => {
    const leader = world.machine(world.leaderKey() ?? '')
    if (leader === null || !leader.up || world.healed) return
    world.trace('FAULT', `the leader ${leader.name} loses its power`)
    leader.powerOff()
    world.scheduler.after(random.between(8000, 60_000), () => {
      if (!world.healed) leader.powerOn()
    })
  }
  world.scheduler.after(fromMs + random.skewed(100, 15_000), lose)
  world.etcd.onChange(changes => {
    const isNoted = changes.some(({ key, value }) => key === absoluteKey(TAKEOVERS) && value !== null)
    const { nowMs, healed, scheduler } = world
    if (isNoted && !healed && nowMs >= fromMs && nowMs <= untilMs && random.chance(0.5))
      scheduler.after(random.skewed(1, 8000), lose)
  })
}

function change(world: World, random: Random): void {
  const key = absoluteKey(CONFIG)
  const entry = world.etcd.get(key)
  const parsed = entry === null ? null : parseConfig(entry.text)
  if (parsed?.valid !== true) return
  const seconds = random.pick([0, 5, 60, 60, INTERVAL_MAX_S])
  world.trace('operator', `sets automatic_failover_interval to ${seconds}`)
  world.etcd.put(key, JSON.stringify({ ...parsed.document, automatic_failover_interval: seconds }))
}
