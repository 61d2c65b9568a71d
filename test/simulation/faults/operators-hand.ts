// An operator who presses every button at any moment, also two at once and on the leader: restart, reinitialize, a schedule,
// and, where nothing else goes wrong, maintenance mode (among faults the housekeeper does that).

import type { Order } from '../../../src/model/decision/order.ts'
import { CONFIG } from '../../../src/wire/keys.ts'
import type { Machine } from '../machine/machine.ts'
import { WALL_AT_START_MS } from '../machine/os-process.ts'
import type { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

const LIMITS = { beginMs: 15_000, endMs: 720_000 }

/** An agent looks at its own directory in each beat. */
const LOSS_SHOWS_WITHIN_MS = 15_000

export class OperatorsHand {
  readonly #world: World
  readonly #random: Random
  /** Nothing else goes wrong in this run. */
  readonly isAlone: boolean
  /** Answers by their kind. */
  readonly answers = new Map<string, number>()
  #count = 0

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
    this.isAlone = random.chance(0.3)
  }

  begin(fromMs: number, untilMs: number): void {
    const everyMs = this.#random.pick([800, 3000, 9000])
    const next = (): void => {
      if (this.#world.healed || this.#world.nowMs > untilMs) return
      this.#world.scheduler.after(this.#random.between(1, 2 * everyMs), next)
      this.#press()
    }
    this.#world.scheduler.after(fromMs, next)
  }

  /** Whoever began the maintenance ends it. */
  finish(): void {
    this.#pause(false)
  }

  #press(): void {
    const random = this.#random
    if (this.isAlone && random.chance(0.3)) {
      this.#pause(random.chance(0.5))
      return
    }
    const leader = this.#world.machine(this.#world.leaderKey() ?? '')
    const machine = leader !== null && random.chance(0.4) ? leader : random.pick(this.#world.machines)
    this.#give(machine)
    if (random.chance(0.2)) this.#give(machine)
    if (random.chance(0.1)) this.#give(random.pick(this.#world.machines))
  }

  #give(machine: Machine): void {
    const { name, agent } = machine
    const order = this.#order()
    // What another one has just lost its agent has not seen yet: both at once leave nothing.
    const isUnseen = ({ dataLostAtMs }: Machine): boolean =>
      this.#world.nowMs - dataLostAtMs < LOSS_SHOWS_WITHIN_MS
    if (order.kind === 'reinitialize' && this.#world.machines.some(isUnseen)) return
    if (order.kind === 'reinitialize') machine.copyAskedAtMs = this.#world.nowMs
    this.#world.trace('FAULT', `operator asks ${name} to ${order.kind}`)
    const gone = new AbortController()
    if (this.#random.chance(0.1))
      this.#world.scheduler.after(this.#random.skewed(1, 3000), () => gone.abort())
    agent?.process.deliver(() => {
      void agent.desk.place(order, LIMITS, gone.signal).then(answer => {
        const is = answer?.is ?? 'withdrawn'
        this.answers.set(`${order.kind} ${is}`, (this.answers.get(`${order.kind} ${is}`) ?? 0) + 1)
        const why = answer !== null && 'why' in answer ? `: ${answer.why}` : ''
        this.#world.trace(name, `answers ${order.kind}: ${is}${why}`)
      })
    })
  }

  #order(): Order {
    const random = this.#random
    const who = { id: `hand${this.#count++}`, by: 'somebody' }
    const filters = random.chance(0.2) ? { role: random.pick(['primary', 'replica']) } : {}
    const timeoutMs = random.chance(0.3) ? random.skewed(20, 20_000) : null
    switch (random.below(5)) {
      case 0:
      case 1:
        return { kind: 'restart', ...who, filters, timeoutMs }
      case 2: {
        const atMs = WALL_AT_START_MS + Math.floor(this.#world.nowMs) + random.skewed(1, 20_000)
        const shown = { schedule: new Date(atMs).toISOString() }
        return { kind: 'schedule-restart', ...who, filters, timeoutMs, atMs, shown }
      }
      case 3:
        return { kind: 'delete-scheduled-restart', ...who }
      default:
        return { kind: 'reinitialize', ...who, force: random.chance(0.5), fromLeader: random.chance(0.3) }
    }
  }

  #pause(paused: boolean): void {
    const key = absoluteKey(CONFIG)
    const text = this.#world.etcd.get(key)?.text
    if (text === undefined || this.#world.paused === paused) return
    this.#world.trace('FAULT', `operator ${paused ? 'begins' : 'ends'} the maintenance`)
    this.#world.etcd.put(key, JSON.stringify({ ...JSON.parse(text), pause: paused }))
  }
}
