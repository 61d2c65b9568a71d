// Freezes the agent and the fencer of a leader at once, and PostgreSQL writes on: only the watchdog is left. Where none is
// open, nothing would prevent a second writer, and nothing is promised.

import { settingsInForce } from '../../../src/config/dynamic.ts'
import { impossible, watchdogRequest } from '../../../src/model/watchdog.ts'
import { CONFIG } from '../../../src/wire/keys.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import type { Machine } from '../machine/machine.ts'
import { SIMULATED_WATCHDOG } from '../machine/watchdog.ts'
import type { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

export class Freezer {
  readonly #world: World
  readonly #random: Random
  #isOver: boolean = false

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
  }

  begin(fromMs: number, untilMs: number): void {
    const next = (): void => {
      if (this.#isOver || this.#world.nowMs > untilMs) return
      this.#world.scheduler.after(this.#random.between(5000, 40_000), next)
      const leader = this.#world.machine(this.#world.leaderKey() ?? '')
      if (leader?.watchdog?.isOpen === true && leader.agent?.process.runs === true) this.#freeze(leader)
    }
    this.#world.scheduler.after(fromMs + this.#random.below(20_000), next)
  }

  finish(): void {
    this.#isOver = true
    for (const machine of this.#world.machines) machine.goOn()
    this.#leaveTime()
  }

  /** Where a watchdog is required, and the settings leave it no time, nobody leads until an operator changes them. */
  #leaveTime(): void {
    const key = absoluteKey(CONFIG)
    const config = parseConfig(this.#world.etcd.get(key)?.text ?? '')
    if (!config.valid) return
    const request = watchdogRequest(SIMULATED_WATCHDOG, settingsInForce(config.document, null).settings)
    if (request === null || impossible(request) === null) return
    this.#world.trace('FAULT', 'operator leaves the watchdog time')
    const timing = { ttl: 10, loop_wait: 2, retry_timeout: 4 }
    this.#world.etcd.put(key, JSON.stringify({ ...config.document, ...timing }))
  }

  #freeze(machine: Machine): void {
    this.#world.trace('FAULT', `${machine.name} agent and fencer: SIGSTOP`)
    machine.freeze()
    this.#world.scheduler.after(this.#random.skewed(500, 60_000), () => {
      if (this.#isOver || !machine.up) return
      this.#world.trace('FAULT', `${machine.name} agent and fencer: SIGCONT`)
      machine.goOn()
    })
  }
}
