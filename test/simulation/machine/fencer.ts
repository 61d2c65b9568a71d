// The fencer: a program of its own on the machine that kills PostgreSQL at the deadline, and the agent's side of the pipe.
// Behaviour of src/fencer: the program outlives the agent, a new agent arms its own one and then retires the old ones.

import type { PostmasterIdentity } from '../../../src/model/server/postgres.ts'
import type { Fencer, FencerView } from '../../../src/ports/fencer.ts'
import type { Timer } from '../scheduler.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'

const RESPAWN_AFTER_MS = 1000

/** At most as long as the margin between its deadline and the end of the lease allows. */
const FENCE_TAKES_MS = 250

export class FencerProgram {
  readonly #machine: Machine
  readonly startedAtMs: number
  #timer: Timer | null = null
  #orphaned: boolean = false
  deadlineMs: number | null = null
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

  arm(deadlineMs: number): void {
    this.#timer?.cancel()
    this.deadlineMs = deadlineMs
    const { boot, world } = this.#machine
    const leftMs = boot.virtualMs(Math.max(0, deadlineMs - boot.nowMs()))
    this.#timer = world.scheduler.after(leftMs, () => this.#fence())
  }

  disarm(): void {
    this.#timer?.cancel()
    this.deadlineMs = null
    if (this.#orphaned) this.#end()
  }

  /** Its agent is gone: it keeps the deadline, and leaves when there is none. */
  orphan(): void {
    this.#orphaned = true
    if (this.deadlineMs === null) this.#end()
  }

  kill(): void {
    this.#timer?.cancel()
    this.deadlineMs = null
    this.#end()
  }

  #end(): void {
    if (!this.alive) return
    this.alive = false
    this.#machine.fencers.delete(this)
    this.onEnd()
  }

  #fence(): void {
    const { world, random, name } = this.#machine
    world.trace(name, 'the fencer stops PostgreSQL: the deadline has passed')
    const server = this.#machine.server
    world.scheduler.after(random.skewed(1, FENCE_TAKES_MS), () => {
      server?.kill()
      this.deadlineMs = null
      this.onFenced()
      if (this.#orphaned) this.#end()
    })
  }
}

export class SimulatedFencer implements Fencer {
  readonly #machine: Machine
  readonly #process: OsProcess
  readonly #onLost: () => void
  #program: FencerProgram | null = null
  #orphans: FencerProgram[]
  #armedUntilMs: number | null = null
  #postmaster: PostmasterIdentity | null = null

  constructor(machine: Machine, process: OsProcess, onLost: () => void) {
    this.#machine = machine
    this.#process = process
    this.#onLost = onLost
    this.#orphans = [...machine.fencers]
  }

  view(): FencerView {
    return {
      alive: this.#program?.alive === true,
      armedUntilMs: this.#armedUntilMs,
      postmaster: this.#postmaster,
      formerMayAct: this.#orphans.some(orphan => orphan.alive),
    }
  }

  async arm(
    deadlineMs: number,
    postmaster: PostmasterIdentity | null,
    _budgetMs: number,
    ahead: boolean = false,
  ): Promise<boolean> {
    const program = this.#current()
    await this.#process.clock.sleep(this.#machine.random.skewed(1, 4))
    if (!program.alive) return false
    program.arm(deadlineMs)
    await this.#process.clock.sleep(1)
    if (!program.alive) return false
    this.#armedUntilMs = deadlineMs
    this.#postmaster = postmaster
    if (!ahead) this.#relieve()
    return true
  }

  async disarm(): Promise<boolean> {
    if (this.#program === null && this.#orphans.length === 0) return true
    const program = this.#current()
    await this.#process.clock.sleep(this.#machine.random.skewed(1, 4))
    if (!program.alive) return false
    program.disarm()
    this.#forget()
    this.#relieve()
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
    program.onFenced = () => this.#process.deliver(() => this.#forget())
    this.#program = program
    return program
  }

  #relieve(): void {
    for (const orphan of this.#orphans.splice(0)) orphan.kill()
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
    if (deadlineMs !== null && livedMs >= RESPAWN_AFTER_MS) void this.arm(deadlineMs, postmaster, 0, true)
  }
}
