// The fencer: a program of its own on the machine that kills PostgreSQL at the deadline, and the agent's side of the pipe.
// Behaviour of src/fencer: the program outlives the agent, a new agent arms its own one and then retires the old ones.

import { type Seen, seen } from '../../../src/model/seen.ts'
import type { PostmasterIdentity } from '../../../src/model/server/postgres.ts'
import type { WatchdogRequest } from '../../../src/model/watchdog.ts'
import type { ArmOptions, Fencer, FencerView } from '../../../src/ports/fencer.ts'
import type { Timer } from '../scheduler.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import { SimulatedWatchdog } from './watchdog.ts'

const RESPAWN_AFTER_MS = 1000

/** At most as long as the margin between its deadline and the end of the lease allows. */
const FENCE_TAKES_MS = 250

export class FencerProgram {
  readonly #machine: Machine
  readonly startedAtMs: number
  #timer: Timer | null = null
  #orphaned: boolean = false
  deadlineMs: number | null = null
  leaseEndMs = 0
  /** SIGSTOP: it does nothing until it goes on. */
  frozen: boolean = false
  /** By the world's clock. */
  thawedAtMs: number = Number.NEGATIVE_INFINITY
  alive: boolean = true
  onEnd: () => void = () => {}
  onFenced: () => void = () => {}

  constructor(machine: Machine) {
    this.#machine = machine
    this.startedAtMs = machine.boot.nowMs()
    machine.fencers.add(this)
  }

  get orphaned(): boolean {
    return this.#orphaned
  }

  arm(deadlineMs: number, leaseEndMs: number): void {
    const moved = leaseEndMs !== this.leaseEndMs
    this.deadlineMs = deadlineMs
    this.leaseEndMs = leaseEndMs
    if (moved) this.#machine.watchdog?.feed(this)
    this.watch()
  }

  /** It acts at its deadline, or before the watchdog fires. */
  watch(): void {
    const { boot, world, watchdog } = this.#machine
    this.#timer?.cancel()
    if (this.deadlineMs === null) return
    const firesAtMs = watchdog?.isOpenBy(this) === true ? (watchdog.firesAtMs ?? 0) : Number.POSITIVE_INFINITY
    const dueMs = Math.min(this.deadlineMs, firesAtMs - (watchdog?.stopAheadMs ?? 0))
    const leftMs = boot.virtualMs(Math.max(0, dueMs - boot.nowMs()))
    this.#timer = world.scheduler.after(leftMs, () => this.#fence())
  }

  disarm(): void {
    this.#timer?.cancel()
    this.deadlineMs = null
    this.#machine.watchdog?.close(this, true)
    if (this.#orphaned) this.#end()
  }

  /** SIGCONT: it sees that it is late. */
  goOn(): void {
    if (!this.frozen) return
    this.frozen = false
    this.thawedAtMs = this.#machine.world.nowMs
    if (this.alive) this.watch()
  }

  /** A new agent has armed a fencer of its own; `handsOver`: that one takes the watchdog over. False: this one is frozen. */
  retire(handsOver: boolean): boolean {
    if (this.frozen) return false
    this.#machine.watchdog?.close(this, !handsOver)
    this.kill()
    return true
  }

  /** Its agent is gone: it keeps the deadline, and leaves when there is none. */
  orphan(): void {
    this.#orphaned = true
    if (this.deadlineMs === null) this.#end()
  }

  kill(): void {
    this.#timer?.cancel()
    this.deadlineMs = null
    this.#machine.watchdog?.close(this, false)
    this.#end()
  }

  #end(): void {
    if (!this.alive) return
    this.alive = false
    this.#machine.fencers.delete(this)
    this.onEnd()
  }

  #fence(): void {
    if (this.frozen) return
    const { world, random, name } = this.#machine
    world.trace(name, 'the fencer stops PostgreSQL: the deadline has passed')
    const server = this.#machine.server
    const dueMs = this.deadlineMs
    world.scheduler.after(random.skewed(1, FENCE_TAKES_MS), () => {
      if (!this.alive || this.frozen) return
      server?.kill()
      // It does one thing after the other: an arming that came meanwhile is read now.
      if (this.deadlineMs !== dueMs) return
      this.deadlineMs = null
      this.#machine.watchdog?.close(this, true)
      this.onFenced()
      if (this.#orphaned) this.#end()
    })
  }
}

export class SimulatedFencer implements Fencer {
  readonly #machine: Machine
  readonly #process: OsProcess
  readonly #onLost: () => void
  readonly #watchdog: SimulatedWatchdog
  #program: FencerProgram | null = null
  #orphans: FencerProgram[]
  #armedUntilMs: number | null = null
  #leaseEndMs = 0
  #postmaster: PostmasterIdentity | null = null

  constructor(machine: Machine, process: OsProcess, onLost: () => void) {
    this.#machine = machine
    this.#process = process
    this.#onLost = onLost
    this.#orphans = [...machine.fencers]
    this.#watchdog = new SimulatedWatchdog(machine)
  }

  view(): FencerView {
    return {
      alive: this.#program?.alive === true,
      armedUntilMs: this.#armedUntilMs,
      postmaster: this.#postmaster,
      formerMayAct: this.#orphans.some(orphan => orphan.alive),
      watchdog: this.#watchdog.view(),
    }
  }

  async arm(
    deadlineMs: number,
    postmaster: PostmasterIdentity | null,
    _budgetMs: number,
    { ahead = false, leaseEndMs, watchdog = null }: ArmOptions = {},
  ): Promise<string | null> {
    const program = this.#current()
    await this.#process.clock.sleep(this.#machine.random.skewed(1, 4))
    if (!program.alive) return 'the fencer is gone'
    const endMs = leaseEndMs ?? (deadlineMs === this.#armedUntilMs ? this.#leaseEndMs : deadlineMs)
    program.arm(deadlineMs, endMs)
    await this.#process.clock.sleep(1)
    if (!program.alive) return 'the fencer is gone'
    this.#armedUntilMs = deadlineMs
    this.#leaseEndMs = endMs
    this.#postmaster = postmaster
    if (!ahead) this.#relieve(program, watchdog)
    this.#watchdog.keepOpen(program)
    return null
  }

  async openWatchdog(request: WatchdogRequest): Promise<string | null> {
    const program = this.#program
    await this.#process.clock.sleep(1)
    return program?.alive === true ? this.#watchdog.open(program, request) : 'the fencer is not armed'
  }

  async closeWatchdog(): Promise<boolean> {
    await this.#process.clock.sleep(1)
    this.#watchdog.close()
    return true
  }

  async lookAtWatchdog(device: string): Promise<Seen<string | null>> {
    return seen(this.#machine.watchdog === null ? `no ${device}` : null, this.#process.clock.bootMs())
  }

  async disarm(): Promise<boolean> {
    if (this.#program === null && this.#orphans.length === 0) return true
    const program = this.#current()
    await this.#process.clock.sleep(this.#machine.random.skewed(1, 4))
    if (!program.alive) return false
    program.disarm()
    this.#forget()
    this.#watchdog.forget()
    this.#relieve(program, null)
    return true
  }

  notify(): void {}

  async close(): Promise<void> {
    this.#program?.orphan()
  }

  #current(): FencerProgram {
    if (this.#program?.alive === true) return this.#program
    const program = new FencerProgram(this.#machine)
    program.onEnd = () => this.#process.deliver(() => this.#ended(program))
    program.onFenced = () =>
      this.#process.deliver(() => {
        this.#watchdog.forget()
        this.#forget()
      })
    this.#program = program
    return program
  }

  #relieve(program: FencerProgram, watchdog: WatchdogRequest | null): void {
    this.#orphans = this.#orphans.filter(orphan => orphan.alive && !orphan.retire(watchdog !== null))
    if (watchdog !== null) this.#watchdog.open(program, watchdog)
  }

  #forget(): void {
    this.#armedUntilMs = null
    this.#postmaster = null
  }

  #ended(program: FencerProgram): void {
    if (program !== this.#program) return
    const [deadlineMs, postmaster] = [this.#armedUntilMs, this.#postmaster]
    this.#program = null
    this.#forget()
    this.#onLost()
    const livedMs = this.#machine.boot.nowMs() - program.startedAtMs
    if (deadlineMs !== null && livedMs >= RESPAWN_AFTER_MS)
      void this.arm(deadlineMs, postmaster, 0, { ahead: true, leaseEndMs: this.#leaseEndMs })
  }
}
