// The watchdog device of a machine: one program at a time can have it open, and if that one does not feed it in time, the
// machine is reset. Behaviour of src/fencer/watchdog.c and of the kernel.

import { stopAheadMs } from '../../../src/model/timing.ts'
import type { OpenWatchdog, WatchdogRequest, WatchdogSettings } from '../../../src/model/watchdog.ts'
import type { Timer } from '../scheduler.ts'
import type { FencerProgram } from './fencer.ts'
import type { Machine } from './machine.ts'

const REBOOT_MS = 20_000
/** In which a fencer that is late ends PostgreSQL and closes the device. */
const STOP_MS = 500

export const SIMULATED_WATCHDOG: WatchdogSettings = {
  mode: 'required',
  device: '/dev/watchdog',
  driver: 'default',
  safetyMarginMs: -1000,
}

export class WatchdogDevice {
  readonly #machine: Machine
  #timer: Timer | null = null
  #holder: FencerProgram | null = null
  #fullMs = 0
  /** By the machine's clock; null: the device does not run. */
  firesAtMs: number | null = null

  constructor(machine: Machine) {
    this.#machine = machine
  }

  isOpenBy(program: FencerProgram): boolean {
    return this.#holder === program
  }

  get stopAheadMs(): number {
    return stopAheadMs(this.#fullMs)
  }

  /** The program that had it open was killed, and nobody has opened it since. */
  get runsUnattended(): boolean {
    return this.#holder === null && this.firesAtMs !== null
  }

  get isOpen(): boolean {
    return this.#holder !== null
  }

  /** Why not; null: it is open. */
  open(program: FencerProgram, timeoutMs: number): string | null {
    if (program.deadlineMs === null) return 'not armed'
    if (this.#holder !== null && this.#holder !== program) return 'Device or resource busy'
    this.#holder = program
    this.#fullMs = timeoutMs
    this.feed(program)
    return null
  }

  /** It never fires after the end of the lease for which the program is armed. */
  feed(program: FencerProgram): void {
    if (this.#holder !== program) return
    const { boot, world } = this.#machine
    const leftMs = Math.floor((program.leaseEndMs - boot.nowMs()) / 1000) * 1000
    const forMs = Math.min(this.#fullMs, leftMs)
    if (forMs < 1000) return
    this.#timer?.cancel()
    this.firesAtMs = boot.nowMs() + forMs
    this.#timer = world.scheduler.after(boot.virtualMs(forMs), () => this.#fire())
  }

  /** With the magic character, unless the program was killed or hands the device over. */
  close(program: FencerProgram, isSwitchedOff: boolean): void {
    if (this.#holder !== program) return
    this.#holder = null
    if (isSwitchedOff) this.stop()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#holder = null
    this.firesAtMs = null
  }

  #fire(): void {
    const { world, name } = this.#machine
    world.trace(name, 'the watchdog resets the machine')
    const holder = this.#holder
    // One that was frozen until a moment ago may have missed its time to stop PostgreSQL and to close the device.
    const atWork = holder?.alive === true && !holder.frozen && world.nowMs - holder.thawedAtMs > STOP_MS
    if (atWork) world.checks.violated(`the watchdog reset ${name}, whose fencer was at work`)
    this.#machine.powerOff()
    world.scheduler.after(REBOOT_MS, () => this.#machine.powerOn())
  }
}

/** An agent's side of it. */
export class SimulatedWatchdog {
  readonly #machine: Machine
  #open: OpenWatchdog | null = null
  #holder: FencerProgram | null = null

  constructor(machine: Machine) {
    this.#machine = machine
  }

  view(): OpenWatchdog | null {
    return this.#holder?.alive === true && this.#machine.watchdog?.isOpenBy(this.#holder) === true
      ? this.#open
      : null
  }

  open(program: FencerProgram, request: WatchdogRequest): string | null {
    const device = this.#machine.watchdog
    const why =
      device === null
        ? `${request.device}: No such file or directory`
        : device.open(program, request.timeoutS * 1000)
    this.#holder = program
    this.#open = why === null ? { request, timeoutS: request.timeoutS } : null
    if (why === null) program.watch()
    return why
  }

  close(): void {
    if (this.#holder !== null) this.#machine.watchdog?.close(this.#holder, true)
    this.#open = null
  }

  /** Another program was armed in the place of one that was killed. */
  keepOpen(program: FencerProgram): void {
    if (this.#open !== null && this.#holder !== program) this.open(program, this.#open.request)
  }

  forget(): void {
    this.#open = null
  }
}
