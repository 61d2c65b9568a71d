// A timeline number is handed out once: two different histories never share one.

import type { Postmaster } from '../machine/postmaster.ts'
import { type Branch, beginningOf } from '../machine/wal.ts'

export class TimelineNumbers {
  readonly #begun = new Map<string, { readonly branch: Branch; readonly by: string }>()

  forget(): void {
    this.#begun.clear()
  }

  /** What is wrong with the number that this promotion took; null: nothing. */
  objection({ machine, data }: Postmaster): string | null {
    const branch = beginningOf(data.end.branch)
    const key = `${data.systemIdentifier} ${data.timeline}`
    const before = this.#begun.get(key)
    if (before === undefined) this.#begun.set(key, { branch, by: machine.name })
    return before === undefined || before.branch === branch
      ? null
      : `${machine.name} was promoted to timeline ${data.timeline}, which ${before.by} has begun before`
  }
}
