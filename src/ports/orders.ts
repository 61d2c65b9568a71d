// The orders that this node was given and that wait for a decision; whoever gave one waits for its answer.

import type { Order, OrderAnswer } from '../model/decision/order.ts'
import type { Millis } from '../model/units.ts'

export interface OrderLimits {
  /** Until it is answered or begun; otherwise it is withdrawn. */
  readonly beginMs: Millis
  /** From then on until its work has ended; after that the client is answered that it goes on. */
  readonly endMs: Millis
}

export interface Orders {
  /** The next one that nobody has answered, begun or withdrawn; null: there is none. */
  waiting(): Order | null
  answer(id: string, answer: OrderAnswer): void
  /** Its work begins: it cannot be withdrawn any more. false: it was, and nothing is to be begun for it. */
  begin(id: string): boolean
}
