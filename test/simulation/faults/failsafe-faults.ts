// Failsafe mode in a part of the runs: on from the beginning, sometimes switched by an operator, and beside the ordinary
// faults what concerns it most, a leader that loses etcd for long while its members restart, or lose it and come back.

import { CONFIG } from '../../../src/wire/keys.ts'
import { parseConfig } from '../../../src/wire/records.ts'
import type { Machine } from '../machine/machine.ts'
import { Random } from '../random.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'

/** With chances of its own: what else a seed stands for stays as it was. */
export function failsafeChances(seed: number): Random | null {
  const random = new Random(seed ^ 0xfa11)
  return random.chance(0.35) ? random : null
}

export class FailsafeFaults {
  readonly #world: World
  readonly #random: Random
  readonly #moves: readonly (() => void)[]

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
    const outage = (): void => this.#leaderLosesEtcd()
    const all = [outage, outage, outage, () => this.#restartMember(), () => this.#etcdIsAway()]
    const withOperator = random.chance(0.3) ? [() => this.#switchMode(), () => this.#changeTtl()] : []
    this.#moves = random.chance(0.7) ? [...all, ...withOperator] : withOperator
  }

  begin(fromMs: number, untilMs: number): void {
    if (this.#moves.length === 0) return
    const everyMs = this.#random.pick([3000, 8000, 20_000])
    const next = (): void => {
      if (this.#world.healed || this.#world.nowMs > untilMs) return
      this.#world.scheduler.after(this.#random.between(1, 2 * everyMs), next)
      this.#random.pick(this.#moves)()
    }
    this.#world.scheduler.after(fromMs, next)
  }

  #leaderLosesEtcd(): void {
    const { network, machines } = this.#world
    const leader = machines.find(({ server }) => server?.acceptsWrites === true)
    if (leader === undefined) return
    const way = this.#random.pick(['both', 'to', 'from'])
    this.#tell(`${leader.name} loses etcd (${way})`)
    if (way !== 'from') network.cut(leader.name, 'etcd')
    if (way !== 'to') network.cut('etcd', leader.name)
    this.#later(2000, 80_000, () => {
      network.mend(leader.name, 'etcd')
      network.mend('etcd', leader.name)
    })
    if (this.#random.chance(0.5)) this.#later(200, 40_000, () => this.#restartMember())
    if (this.#random.chance(0.3)) this.#later(200, 40_000, () => this.#loseMember(leader))
  }

  /** Nobody hears of the leader's member any more, or only the leader does not. */
  #loseMember(leader: Machine): void {
    const { network } = this.#world
    const member = this.#random.pick(this.#world.machines)
    if (member === leader) return
    this.#tell(`${leader.name} and ${member.name} lose each other`)
    const oneWay = this.#random.chance(0.4)
    network.cut(member.name, leader.name)
    if (!oneWay) network.cut(leader.name, member.name)
    this.#later(500, 60_000, () => {
      network.mend(member.name, leader.name)
      network.mend(leader.name, member.name)
    })
  }

  /** It has forgotten what it promised. */
  #restartMember(): void {
    const member = this.#random.pick(this.#world.machines)
    if (member.server?.acceptsWrites === true || member.lostItsGuard) return
    this.#tell(`${member.name}: its agent is killed and starts again`)
    member.killAgent()
    this.#later(50, 5000, () => member.startAgent())
  }

  #etcdIsAway(): void {
    const { etcd } = this.#world
    this.#tell('etcd is away for long')
    etcd.goDown()
    this.#later(5000, 80_000, () => etcd.comeUp())
  }

  #switchMode(): void {
    this.#change(document => ({ ...document, failsafe_mode: document.failsafe_mode !== true }))
  }

  #changeTtl(): void {
    this.#change(document => ({ ...document, ttl: this.#random.pick([5, 10, 20, 30, 60]) }))
  }

  #change(to: (document: Record<string, unknown>) => Record<string, unknown>): void {
    const key = absoluteKey(CONFIG)
    const parsed = parseConfig(this.#world.etcd.get(key)?.text ?? '')
    if (!parsed.valid) return
    const text = JSON.stringify(to({ ...parsed.document }))
    this.#tell(`operator writes ${text}`)
    this.#world.etcd.put(key, text)
  }

  #later(lowMs: number, highMs: number, end: () => void): void {
    this.#world.scheduler.after(this.#random.skewed(lowMs, highMs), () => {
      if (!this.#world.healed) end()
    })
  }

  #tell(what: string): void {
    this.#world.trace('FAULT', what)
  }
}
