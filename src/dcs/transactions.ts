// Every read and write of the facade goes through here, so that its result is in the view at once.

import type { Revision } from '../model/units.ts'
import type { Entry } from '../wire/cluster-view.ts'
import type { Budget, Change, Committed, Guard, Transport } from './transport.ts'

/** Called with what a transaction wrote (`own`) or found. */
export type Observe = (key: string, entry: Entry | null, revision: Revision, own: boolean) => void

export class Transactions {
  readonly #transport: Pick<Transport, 'commit' | 'read'>
  readonly #observe: Observe

  constructor(transport: Pick<Transport, 'commit' | 'read'>, observe: Observe) {
    this.#transport = transport
    this.#observe = observe
  }

  /** All guards must hold; the answer is about the key of the first one. */
  async commit(
    guard: Guard,
    changes: readonly Change[],
    budget: Budget,
    also: readonly Guard[] = [],
  ): Promise<Committed> {
    const result = await this.#transport.commit(guard, changes, budget, also)
    if (!result.ok) return result
    const { succeeded, entry, revision } = result
    if (succeeded) this.#observeOwn(changes, revision)
    this.#observe(guard.key, entry, revision, succeeded)
    return result
  }

  async read(key: string, budget: Budget): Promise<Committed> {
    const result = await this.#transport.read(key, budget)
    if (result.ok) this.#observe(key, result.entry, result.revision, false)
    return result
  }

  #observeOwn(changes: readonly Change[], at: Revision): void {
    for (const { key, text, leaseId } of changes) {
      const entry = text === null ? null : { text, leaseId: leaseId ?? null, modRevision: at }
      this.#observe(key, entry, at, true)
    }
  }
}
