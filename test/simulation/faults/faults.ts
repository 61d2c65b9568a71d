// What goes wrong: a random plan of faults, each with an end, and the healing of everything.

import type { Machine } from '../machine/machine.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'
import { lossesOfData } from './faults-data.ts'
import { endMaintenance, mendConfig, operators, undrainAll } from './operators.ts'
import { ownDiskFaults } from './own-disk.ts'
import { standstills } from './standstills.ts'
import { timelineFaults } from './timeline-faults.ts'

/** After everything is healed. */
const RESUME_AFTER_MS = 5000

export type Fault = (machine: Machine) => void

export class Faults {
  count = 0
  readonly #world: World
  readonly #random: Random
  #healed: boolean = false
  /** Machine names whose agent is stopped or dead: its fencer is their only protection. */
  readonly #agentless = new Set<string>()

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
  }

  begin(fromMs: number, untilMs: number): void {
    const everyMs = this.#random.pick([1500, 4000, 10_000, 25_000])
    const kinds = this.#kinds()
    const next = (): void => {
      if (this.#healed || this.#world.nowMs > untilMs) return
      const machine = this.#random.pick(this.#world.machines)
      this.#world.scheduler.after(this.#random.between(1, 2 * everyMs), next)
      this.#random.pick(kinds)(machine)
      this.count++
    }
    this.#world.scheduler.after(fromMs, next)
  }

  /** Some seeds see everything, others only a few kinds again and again. */
  #kinds(): readonly Fault[] {
    const all = Object.values(this.#faults())
    if (this.#random.chance(0.5)) return all
    return Array.from({ length: this.#random.between(1, 4) }, () => this.#random.pick(all))
  }

  healAll(): void {
    const { network, etcd, weather, machines, lags } = this.#world
    this.#healed = true
    this.#world.healed = true
    this.#world.trace('FAULT', 'everything is healed')
    network.mendAll()
    lags.clear()
    etcd.comeUp()
    mendConfig(this.#world)
    undrainAll(this.#world)
    Object.assign(weather, { requestLost: 0, answerLost: 0, slow: 0 })
    for (const machine of machines) {
      machine.slowness = 1
      machine.hangsQueries = false
      machine.stopHangs = false
      machine.failsStarts = false
      machine.refusesReceivers = false
      machine.refusesLogins = false
      machine.hidesWal = false
      machine.fullDisk = false
      machine.hungDisk = false
      machine.hungState = false
      machine.fullState = false
      machine.server?.thaw()
      machine.freezesAtPromotionForMs = null
      machine.failsRewinds = false
      machine.breaksCopies = false
      // An operator ends what nobody can tell for ours: it holds the port.
      if (machine.server !== machine.serverHere && machine.server?.data.nameless === true)
        machine.server.kill()
      if (machine.up) machine.startAgent()
      else machine.powerOn()
      machine.agent?.process.goOn()
      if (machine.server?.phase === 'stopping') machine.server.kill()
    }
    // What is in force then everybody has heard of.
    this.#world.scheduler.after(RESUME_AFTER_MS, () => endMaintenance(this.#world))
  }

  #faults(): Readonly<Record<string, Fault>> {
    const forSome = (lowMs: number, highMs: number, end: () => void) => this.#forSome(lowMs, highMs, end)
    const told = (who: string, text: string) => this.#told(who, text)
    return {
      ...this.#processFaults(),
      ...this.#networkFaults(),
      ...this.#etcdFaults(),
      ...this.#diskFaults(),
      ...timelineFaults({
        world: this.#world,
        ...{ random: this.#random, told, forSome },
      }),
      ...ownDiskFaults({ random: this.#random, told, forSome }),
      ...standstills({ random: this.#random, agentless: this.#agentless, told, forSome }),
      ...operators(this.#world, this.#random),
      ...lossesOfData(this.#world, this.#random, told),
    }
  }

  #told(who: string, text: string): void {
    this.#world.trace('FAULT', `${who} ${text}`)
  }

  /** Ends after `lowMs` to `highMs`, unless everything is healed before. */
  #forSome(lowMs: number, highMs: number, end: () => void): void {
    this.#world.scheduler.after(this.#random.skewed(lowMs, highMs), () => {
      if (!this.#healed) end()
    })
  }

  #processFaults(): Readonly<Record<string, Fault>> {
    return {
      crash: machine => {
        this.#told(machine.name, 'PostgreSQL crashes')
        machine.killServer()
      },
      hungServer: machine => {
        const { server } = machine
        if (server === null) return
        this.#told(machine.name, 'PostgreSQL: SIGSTOP for all of its processes')
        server.freeze()
        this.#forSome(500, 60_000, () => server.thaw())
      },
      killAgent: machine => {
        if (machine.lostItsGuard) return
        this.#told(machine.name, 'agent: kill -9')
        machine.killAgent()
        this.#agentless.add(machine.name)
        this.#forSome(100, 30_000, () => {
          this.#agentless.delete(machine.name)
          machine.startAgent()
        })
      },
      stopAgent: machine => {
        if (machine.agent === null || machine.lostItsGuard) return
        const { process } = machine.agent
        this.#told(machine.name, 'agent: SIGSTOP')
        process.stop()
        this.#agentless.add(machine.name)
        this.#forSome(200, 50_000, () => {
          this.#told(machine.name, 'agent: SIGCONT')
          this.#agentless.delete(machine.name)
          process.goOn()
        })
      },
      endAgent: machine => {
        this.#told(machine.name, 'agent: SIGTERM')
        machine.agent?.requestStop()
        this.#forSome(500, 30_000, () => machine.startAgent())
      },
      killFencer: machine => {
        if (this.#agentless.has(machine.name) || machine.agent?.process.runs !== true) return
        // An orphan is the only guard until the new agent has armed its own: two faults at once are not survived.
        const own = [...machine.fencers].filter(fencer => !fencer.orphaned)
        if (own.length === 0) return
        this.#told(machine.name, 'the fencer is killed')
        for (const fencer of own) fencer.kill()
        machine.fencerKilledAtMs = this.#world.nowMs
      },
      powerCut: machine => {
        machine.powerOff()
        this.#forSome(2000, 60_000, () => machine.powerOn())
      },
    }
  }

  #networkFaults(): Readonly<Record<string, Fault>> {
    const cut = (a: string, b: string, oneWay: boolean): void => {
      const { network } = this.#world
      this.#told(a, `${oneWay ? '->' : '<->'} ${b} is cut`)
      network.cut(a, b)
      if (!oneWay) network.cut(b, a)
      this.#forSome(500, 50_000, () => {
        network.mend(a, b)
        network.mend(b, a)
      })
    }
    const other = (machine: Machine): string => this.#random.pick(this.#world.machines).name ?? machine.name
    return {
      fromEtcd: machine => cut(machine.name, 'etcd', false),
      toEtcd: machine => cut(machine.name, 'etcd', true),
      etcdTo: machine => cut('etcd', machine.name, true),
      betweenNodes: machine => cut(machine.name, other(machine), this.#random.chance(0.3)),
      isolated: machine => {
        cut(machine.name, 'etcd', false)
        for (const { name } of this.#world.machines) if (name !== machine.name) cut(machine.name, name, false)
      },
      slowReplication: machine => {
        this.#told(machine.name, 'receives WAL late')
        this.#world.lags.set(machine.name, this.#random.skewed(50, 20_000))
        this.#forSome(1000, 40_000, () => this.#world.lags.delete(machine.name))
      },
      slowNetwork: machine => {
        const name = other(machine)
        this.#told(machine.name, `-> ${name} is slow`)
        this.#world.network.slow(machine.name, name, this.#random.skewed(20, 3000))
        this.#forSome(1000, 20_000, () => this.#world.network.slow(machine.name, name, 0))
      },
    }
  }

  #etcdFaults(): Readonly<Record<string, Fault>> {
    const { etcd, weather } = this.#world
    return {
      etcdDown: () => {
        this.#told('etcd', 'is down')
        etcd.goDown()
        this.#forSome(200, 40_000, () => {
          this.#told('etcd', 'is back')
          etcd.comeUp()
        })
      },
      etcdElection: () => {
        if (etcd.available) etcd.changeTerm()
      },
      badWeather: () => {
        this.#told('etcd', 'loses and delays requests')
        weather.requestLost = this.#random.unit() * 0.4
        weather.answerLost = this.#random.unit() * 0.4
        weather.slow = this.#random.unit() * 0.5
        weather.slowMs = this.#random.skewed(20, 4000)
        this.#forSome(1000, 30_000, () => Object.assign(weather, { requestLost: 0, answerLost: 0, slow: 0 }))
      },
    }
  }

  #diskFaults(): Readonly<Record<string, Fault>> {
    return {
      slowDisk: machine => {
        machine.slowness = this.#random.skewed(2, 60)
        this.#told(machine.name, `the disk is ${machine.slowness} times slower`)
        this.#forSome(1000, 40_000, () => {
          machine.slowness = 1
        })
      },
      fullDisk: machine => {
        this.#told(machine.name, 'the disk is full')
        machine.fullDisk = true
        this.#forSome(1000, 90_000, () => {
          machine.fullDisk = false
        })
      },
      hungDisk: machine => {
        this.#told(machine.name, 'the disk hangs')
        machine.hungDisk = true
        this.#forSome(1000, 90_000, () => {
          machine.hungDisk = false
        })
      },
      hangingQueries: machine => {
        this.#told(machine.name, 'queries hang')
        machine.hangsQueries = true
        this.#forSome(500, 30_000, () => {
          machine.hangsQueries = false
        })
      },
      hangingStop: machine => {
        this.#told(machine.name, 'a fast stop hangs')
        machine.stopHangs = true
        this.#forSome(2000, 40_000, () => {
          machine.stopHangs = false
        })
      },
      failingStart: machine => {
        this.#told(machine.name, 'PostgreSQL does not start')
        machine.failsStarts = true
        this.#forSome(1000, 30_000, () => {
          machine.failsStarts = false
        })
      },
      failingRewind: machine => {
        this.#told(machine.name, 'no rewind can succeed')
        machine.failsRewinds = true
        this.#forSome(2000, 60_000, () => {
          machine.failsRewinds = false
        })
      },
      breakingCopies: machine => {
        this.#told(machine.name, 'copies break off')
        machine.breaksCopies = true
        this.#forSome(2000, 60_000, () => {
          machine.breaksCopies = false
        })
      },
    }
  }
}
