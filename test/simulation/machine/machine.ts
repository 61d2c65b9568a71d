// One node of the cluster: its clock, its disk, its PostgreSQL, its fencer programs and its agent, which live and die
// apart from each other, and all at once when the power goes.

import type { Origins } from '../../../src/model/server/origins.ts'
import type { Tags } from '../../../src/model/settings/config.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'
import { Agent } from './agent.ts'
import { BootClock } from './boot-clock.ts'
import type { DataDirectory } from './data-directory.ts'
import type { FencerProgram } from './fencer.ts'
import { Postmaster } from './postmaster.ts'
import { WatchdogDevice } from './watchdog.ts'

export interface MachineOptions {
  readonly name: string
  /** Speed of its clock: 1 is right. */
  readonly clockRate: number
  readonly tags: Tags
  readonly mayBootstrap: boolean
  readonly useRewind: boolean
  /** Absent: off. */
  readonly watchdog?: 'automatic' | 'required'
  /** Absent: with the mode. */
  readonly lacksDevice?: true
}

/** A child process of the agent that works on the data directory; it dies with the agent. */
export interface Child {
  /** Cuts it short and leaves the disk as it is then. */
  kill(): void
}

const SYSTEMD_RESTART_MS = 1000

/** leader.ts: how long a primary may run with a fencer that cannot be armed anew; and a beat. */
export const REARMING_MS = 3500

interface LastServer {
  readonly server: Postmaster
  readonly data: DataDirectory
}

export class Machine {
  readonly world: World
  readonly options: MachineOptions
  readonly random: Random
  readonly boot: BootClock
  readonly children = new Set<Child>()
  readonly fencers = new Set<FencerProgram>()
  watchdog: WatchdogDevice | null
  /** When a fault last took the fencer away. */
  fencerKilledAtMs = Number.NEGATIVE_INFINITY
  /** When somebody last asked for a new copy of its data. */
  copyAskedAtMs = Number.NEGATIVE_INFINITY
  dataLostAtMs = Number.NEGATIVE_INFINITY
  readonly exitListeners = new Map<object, (server: Postmaster) => void>()
  up: boolean = true
  data: DataDirectory | null = null
  /** On the port of this node; an orphan when it works on other data than the data directory has. */
  server: Postmaster | null = null
  /** In the state directory: which server ran last, and on what; null: nothing is recorded, or it was lost. */
  lastServer: LastServer | null = null
  /** What of that is on the disk, where the next agent finds it. */
  #savedServer: LastServer | null = null
  agent: Agent | null = null
  /** Notes on the timelines of its data, in the state directory. */
  origins: Origins | null = null
  /** What an operator may put in the place of the data directory later. */
  backup: DataDirectory | null = null
  /** Faults that last: everything on disk takes this much longer; queries hang; a fast stop does not end; starts fail. */
  slowness = 1
  hangsQueries: boolean = false
  stopHangs: boolean = false
  failsStarts: boolean = false
  fullDisk: boolean = false
  #hungDisk: boolean = false
  #hungState: boolean = false
  /** The disk of the state directory is full: only the agent's own notes are lost. */
  fullState: boolean = false
  /** Nobody is let in for replication; whoever compares hears nothing; the agent freezes as soon as it has promoted. */
  refusesReceivers: boolean = false
  /** Its password was changed, and nobody told the others yet: open sessions go on. */
  refusesLogins: boolean = false
  hidesWal: boolean = false
  freezesAtPromotionForMs: number | null = null
  lastRule = ''
  /** No rewind can succeed, and it is known before anything is touched; copies break off half way. */
  failsRewinds: boolean = false
  breaksCopies: boolean = false

  constructor(world: World, options: MachineOptions) {
    this.world = world
    this.options = options
    this.random = world.random.fork()
    const isWatched = options.watchdog !== undefined && options.lacksDevice !== true
    this.watchdog = isWatched ? new WatchdogDevice(this) : null
    this.boot = new BootClock(world.scheduler, options.clockRate, 100_000 + world.random.below(900_000))
  }

  /** An operator installs the device that it lacks. */
  getsWatchdog(): void {
    this.watchdog ??= new WatchdogDevice(this)
  }

  get name(): string {
    return this.options.name
  }

  /** The server that the data directory's name leads to. */
  get serverHere(): Postmaster | null {
    return this.server?.data === this.data ? this.server : null
  }

  /** Its fencer was killed a moment ago and no other is armed yet: a second fault at once is not survived. */
  get lostItsGuard(): boolean {
    const isArmed = [...this.fencers].some(({ deadlineMs }) => deadlineMs !== null)
    return !isArmed && this.world.nowMs - this.fencerKilledAtMs <= REARMING_MS
  }

  get hungDisk(): boolean {
    return this.#hungDisk
  }

  /** Processes that were killed meanwhile end when it answers. */
  set hungDisk(hangs: boolean) {
    this.#hungDisk = hangs
    if (!hangs) this.server?.diskAnswers()
  }

  get hungState(): boolean {
    return this.#hungState
  }

  /** The disk of the state directory hangs, where the log is of a server that was started before. */
  set hungState(hangs: boolean) {
    this.#hungState = hangs
    if (!hangs) this.server?.logAnswers()
  }

  /** Nothing can be written: no client's row, and nothing that a start needs. */
  get cannotWrite(): boolean {
    return this.fullDisk || this.hungDisk
  }

  /** By a fencer, or after the death of the fencer by the watchdog that nobody has switched off. */
  get isGuarded(): boolean {
    const isArmed = [...this.fencers].some(({ deadlineMs }) => deadlineMs !== null)
    return isArmed || this.watchdog?.runsUnattended === true
  }

  tookMs(low: number, high: number): number {
    return this.random.skewed(low, high) * this.slowness
  }

  stopTookMs(): number {
    return this.stopHangs ? 3_600_000 : this.tookMs(8, 120)
  }

  /** A postmaster on the data directory that is there. */
  spawnServer(): Postmaster {
    if (this.data === null || this.server !== null) throw new Error(`bug: ${this.name} cannot start a server`)
    this.server = new Postmaster(this, this.data)
    this.lastServer = { server: this.server, data: this.data }
    this.#saveServer()
    return this.server
  }

  /** A server was started or found here: the next agent knows it by that. See src/postgres/server/former.ts. */
  /** An agent that could not write it remembers it, and writes it again with its next look. */
  #saveServer(): void {
    if (!this.#hungState) this.#savedServer = this.lastServer
  }

  /** With its state directory. */
  forgetServer(): void {
    this.lastServer = null
    this.#savedServer = null
  }

  noteServer(server: Postmaster): void {
    const isOther = this.lastServer !== null && this.lastServer.data !== server.data
    if (server.inRecovery || !isOther) this.lastServer = { server, data: server.data }
    this.#saveServer()
  }

  serverEnded(server: Postmaster, how: 'stopped' | 'killed'): void {
    if (this.server === server) this.server = null
    this.world.trace(this.name, `PostgreSQL ${how} at ${server.data.timeline}/${server.data.lsn}`)
    for (const listener of [...this.exitListeners.values()]) listener(server)
  }

  killServer(): void {
    this.server?.kill()
  }

  /** Between its promotion and its history line in etcd: the other nodes know nothing of the new timeline. */
  freezeAtPromotion(): void {
    // Nothing would mend what breaks while everything is being healed.
    if (this.lostItsGuard || this.world.healed) return
    const forMs = this.freezesAtPromotionForMs ?? 0
    for (const machine of this.world.machines) machine.freezesAtPromotionForMs = null
    const { network, machines, scheduler } = this.world
    const process = this.agent?.process
    this.world.trace(this.name, 'agent: SIGSTOP at its promotion, nobody streams')
    process?.stop()
    const others = machines.filter(other => other !== this)
    for (const other of others) network.cut(other.name, this.name)
    scheduler.after(forMs, () => {
      if (this.world.healed) return
      for (const other of others) network.mend(other.name, this.name)
      process?.goOn()
    })
  }

  /** An operator stops the agent, removes the data directory and starts the agent. */
  replaceByHand(): void {
    this.world.trace(this.name, 'operator: the data directory is removed')
    this.killAgent()
    this.killServer()
    this.data = null
    this.origins = null
    this.lastRule = ''
    this.startAgent()
  }

  startAgent(): void {
    if (!this.up || this.agent !== null) return
    this.world.trace(this.name, 'agent starts')
    this.lastServer = this.#savedServer
    this.agent = new Agent(this)
    this.agent.start()
  }

  /** kill -9: what it was doing on the disk stays as it is. */
  killAgent(): void {
    if (this.agent === null) return
    this.agent.process.kill()
    this.agent = null
    for (const child of [...this.children]) child.kill()
    for (const fencer of this.fencers) fencer.orphan()
  }

  /** The agent has left by itself; systemd starts it again unless somebody asked it to stop. */
  agentEnded(agent: Agent, code: number, why: string): void {
    if (this.agent !== agent) return
    this.world.trace(this.name, `agent ended with code ${code}: ${why}`)
    this.killAgent()
    if (code !== 0 || this.world.healed)
      this.world.scheduler.after(SYSTEMD_RESTART_MS, () => this.startAgent())
  }

  powerOff(): void {
    if (!this.up) return
    this.world.trace(this.name, 'the machine is lost')
    this.up = false
    this.killAgent()
    for (const fencer of [...this.fencers]) fencer.kill()
    this.watchdog?.stop()
    this.killServer()
  }

  /** Everything that could stop PostgreSQL is frozen, and PostgreSQL goes on. Only its watchdog is left. */
  freeze(): void {
    this.agent?.process.stop()
    for (const fencer of this.fencers) fencer.frozen = true
  }

  goOn(): void {
    this.agent?.process.goOn()
    for (const fencer of [...this.fencers]) fencer.goOn()
  }

  powerOn(): void {
    if (this.up) return
    this.world.trace(this.name, 'the machine is back')
    this.up = true
    this.boot.reboot()
    this.startAgent()
  }
}
