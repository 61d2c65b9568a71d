// The log of a simulated server, in the state directory of its machine: each process that wants to write a line waits while that
// disk hangs, and no signal ends it meanwhile.

import type { Machine } from './machine.ts'

export class ServerLog {
  readonly #machine: Machine
  /** False: that disk hung when the server was started, which has no log then. */
  readonly isOnState: boolean
  #waiting: (() => void)[] = []

  constructor(machine: Machine) {
    this.#machine = machine
    this.isOnState = !machine.hungState
  }

  /** Some process waits. */
  get holds(): boolean {
    return this.#waiting.length > 0
  }

  /** True: a process that wants to write a line waits, and goes on with this when the disk answers. */
  keeps(goOn: () => void): boolean {
    if (!this.isOnState || !this.#machine.hungState) return false
    this.#waiting.push(goOn)
    return true
  }

  /** The disk answers again: what goes on now, unless it was killed meanwhile. */
  release(): readonly (() => void)[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}
