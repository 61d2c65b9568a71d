// Linearizable reads of the cluster for requests that must see the truth, shared: however many clients ask at once, few
// reads run. A caller never gets a read that began before its own request.

import type { ClusterView } from '../model/cluster/cluster.ts'
import { errorText } from '../model/error-text.ts'
import { type Seen, unseen } from '../model/seen.ts'
import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'

export const READ_BUDGET_MS: Millis = 5000
/** How long a read waits for the one before it: a store that hangs must not cost a client two budgets. */
const TURN_MS: Millis = 250

export class FreshReads {
  readonly #store: Store
  readonly #clock: Clock
  /** Aborts when the last read that was started has ended. */
  #running: AbortController | null = null
  /** Not started yet: everybody who asks meanwhile shares it. */
  #next: Promise<Seen<ClusterView>> | null = null

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Never rejects. */
  read(): Promise<Seen<ClusterView>> {
    this.#next ??= this.#takeTurn()
    return this.#next
  }

  async #takeTurn(): Promise<Seen<ClusterView>> {
    if (this.#running !== null) await this.#clock.sleep(TURN_MS, this.#running.signal)
    else await Promise.resolve()
    this.#next = null
    const ended = new AbortController()
    this.#running = ended
    try {
      return await this.#store.read(READ_BUDGET_MS)
    } catch (error) {
      return unseen(errorText(error))
    } finally {
      if (this.#running === ended) this.#running = null
      ended.abort()
    }
  }
}
