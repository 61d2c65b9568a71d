// Orders given to this node that wait for a decision; the client that gave one waits for its answer.

import type { Order, OrderAnswer } from '../model/decision/order.ts'
import type { Millis } from '../model/units.ts'

export interface OrderLimits {
  /** How long it may wait to be answered or begun; then it is withdrawn. */
  readonly beginMs: Millis
  /** How long its work may then take; after that the client gets the answer that it goes on. */
  readonly endMs: Millis
}

export interface Orders {
  /** The next one that nobody has answered, begun or withdrawn; null: there is none. */
  waiting(): Order | null
  answer(id: string, answer: OrderAnswer): void
  /** Its work begins, so it can no longer be withdrawn. false: it was withdrawn already and must not begin. */
  begin(id: string): boolean
}
