// An operator who goes on with the week's work whatever goes wrong: maintenance mode on and off, passwords, drains.

import { drainKey } from '../../../src/wire/keys.ts'
import type { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'
import { setPause } from './operators.ts'

export class Housekeeper {
  readonly #world: World
  readonly #random: Random
  readonly #moves: readonly (() => void)[]

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
    const all = [() => this.#pause(), () => this.#changePassword(), () => this.#drain()]
    this.#moves = random.chance(0.5) ? all : [random.pick(all)]
  }

  begin(fromMs: number, untilMs: number): void {
    const everyMs = this.#random.pick([700, 3000, 12_000])
    const next = (): void => {
      if (this.#world.healed || this.#world.nowMs > untilMs) return
      this.#world.scheduler.after(this.#random.between(1, 2 * everyMs), next)
      this.#random.pick(this.#moves)()
    }
    this.#world.scheduler.after(fromMs, next)
  }

  finish(): void {
    if (this.#world.paused) setPause(this.#world, false)
  }

  #pause(): void {
    setPause(this.#world, !this.#world.paused)
  }

  /** Sessions that are open go on; new ones are refused until the others know the new one. */
  #changePassword(): void {
    const machine = this.#random.pick(this.#world.machines)
    this.#tell(`changes the password of ${machine.name}`)
    machine.refusesLogins = true
    this.#world.scheduler.after(this.#random.skewed(500, 30_000), () => {
      machine.refusesLogins = false
    })
  }

  #drain(): void {
    const { name } = this.#random.pick(this.#world.machines)
    const key = absoluteKey(drainKey(name))
    const isDrained = this.#world.etcd.get(key) !== null
    this.#tell(`${isDrained ? 'undrains' : 'drains'} ${name}`)
    if (isDrained) this.#world.etcd.delete(key)
    else this.#world.etcd.put(key, '{}')
  }

  #tell(what: string): void {
    this.#world.trace('FAULT', `operator ${what}`)
  }
}
