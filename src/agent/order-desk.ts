// The REST API leaves orders here for the next beat and waits for their answers. An order that is not begun in time, or
// whose client has gone, is withdrawn: nothing is done unattended.

import type { Order, OrderAnswer } from '../model/decision/order.ts'
import type { FinishedWork } from '../model/decision/work.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderLimits, Orders } from '../ports/orders.ts'

export interface OrderDesk extends Orders {
  /** Resolves with the answer; null: the order was withdrawn, because it was not begun in time or `signal` aborted. */
  place(order: Order, limits: OrderLimits, signal: AbortSignal): Promise<OrderAnswer | null>
  /**
   * A beat begins and handles the present orders. Later ones wake the next beat, so that each beat has an end.
   */
  admit(): void
  /** Work has ended: the client that waits for it gets the answer. */
  ended(work: FinishedWork): void
}

interface Slip {
  readonly order: Order
  begun: boolean
  admitted: boolean
  readonly answered: (answer: OrderAnswer) => void
}

/** One operator has one order; more means a program out of control, which is refused. */
const ORDERS_MAX = 8

export function createOrderDesk(clock: Clock, wake: (cause: string) => void): OrderDesk {
  const slips = new Map<string, Slip>()

  function answer(id: string, result: OrderAnswer): void {
    const slip = slips.get(id)
    slips.delete(id)
    slip?.answered(result)
  }

  async function place(order: Order, limits: OrderLimits, signal: AbortSignal): Promise<OrderAnswer | null> {
    if (slips.size >= ORDERS_MAX) return { is: 'refused', why: 'too many requests wait for this node' }
    const told = new AbortController()
    let result: OrderAnswer | null = null
    const slip: Slip = {
      order,
      begun: false,
      admitted: false,
      answered: given => {
        result = given
        told.abort()
      },
    }
    slips.set(order.id, slip)
    wake(`rest: ${order.kind} asked for`)
    const woken = AbortSignal.any([told.signal, signal])
    await clock.sleep(limits.beginMs, woken)
    if (result === null && slip.begun && !signal.aborted) await clock.sleep(limits.endMs, woken)
    slips.delete(order.id)
    // The work goes on; only its client does not wait any longer.
    const isLate = result === null && slip.begun && !signal.aborted
    return isLate ? { is: 'still-starting' } : result
  }

  return {
    place,
    answer,
    admit() {
      for (const slip of slips.values()) slip.admitted = true
    },
    waiting() {
      const open = [...slips.values()]
        .filter(({ admitted, begun }) => admitted && !begun)
        .map(({ order }) => order)
      return open.find(({ kind }) => isAnsweredAtOnce(kind)) ?? open[0] ?? null
    },
    begin(id) {
      const slip = slips.get(id)
      if (slip === undefined) return false
      slip.begun = true
      if (slip.order.kind === 'reinitialize') answer(id, { is: 'started' })
      return true
    },
    ended(work) {
      const { job } = work
      if ('order' in job && job.order !== undefined) answer(job.order, answerOf(work))
    },
  }
}

/** This order does not wait behind a restart that waits for its moment. */
function isAnsweredAtOnce(kind: Order['kind']): boolean {
  return kind === 'schedule-restart' || kind === 'delete-scheduled-restart'
}

function answerOf({ ok, why, stillStarting }: FinishedWork): OrderAnswer {
  if (ok) return { is: 'restarted' }
  return stillStarting === true ? { is: 'still-starting' } : { is: 'failed', why }
}
