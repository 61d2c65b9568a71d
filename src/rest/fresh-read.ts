// Linearizable reads of the cluster for requests that must see the truth, shared: however many clients ask at once, at
// most one read runs and one waits. A caller never gets a read that began before its own request.

import type { ClusterView } from '../model/cluster.ts'
import { type Seen, unseen } from '../model/seen.ts'
import type { Millis } from '../model/units.ts'
import type { Store } from '../ports/store.ts'

export const READ_BUDGET_MS: Millis = 5000

export class FreshReads {
  readonly #store: Store
  #running: Promise<Seen<ClusterView>> | null = null
  #next: Promise<Seen<ClusterView>> | null = null

  constructor(store: Store) {
    this.#store = store
  }

  /** Never rejects. */
  read(): Promise<Seen<ClusterView>> {
    if (this.#running === null) return this.#start()
    this.#next ??= this.#running.then(() => {
      this.#next = null
      return this.#start()
    })
    return this.#next
  }

  #start(): Promise<Seen<ClusterView>> {
    const reading = this.#store
      .read(READ_BUDGET_MS)
      .catch((error: unknown) => unseen(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        if (this.#running === reading) this.#running = null
      })
    this.#running = reading
    return reading
  }
}
