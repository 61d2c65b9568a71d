// While etcd does not answer, `--watch` shows the last table and its age.

import type { BootMillis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Printed } from '../print.ts'

export class LastTable {
  readonly #clock: Clock
  #last: { readonly out: string; readonly atMs: BootMillis } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `isNew`: etcd answered. Without a previous table only the error is shown. */
  orKept(isNew: boolean, frame: Printed): Printed {
    const nowMs = this.#clock.bootMs()
    if (isNew) {
      this.#last = { out: frame.out, atMs: nowMs }
      return frame
    }
    if (this.#last === null) return frame
    const seconds = Math.round((nowMs - this.#last.atMs) / 1000)
    const { out } = this.#last
    return { out: `${out} No answer from etcd: this table is ${seconds} s old\n`, err: frame.err }
  }
}
