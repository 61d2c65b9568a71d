// Virtual time: events in the order of their instants, one after another. After each event every promise that it settled
// runs to its next wait before time goes on, so that a run depends on nothing but its seed.

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

export interface Timer {
  cancel(): void
}

export class Scheduler {
  #nowMs = 0
  #order = 0
  #fired = 0
  #quiet: boolean = false
  /** A binary heap: the earliest event first. */
  readonly #heap: Event[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have fired. */
  get fired(): number {
    return this.#fired
  }

  after(delayMs: number, run: () => void): Timer {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run, cancelled: false }
    this.#push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  /** The event that fires now has touched no program: no promise is settled, and nothing has to be waited for. */
  wakesNobody(): void {
    this.#quiet = true
  }

  /** Fires everything up to `limitMs`, and leaves the clock there unless `stop` says so after an event. */
  async runUntil(limitMs: number, stop: () => boolean = () => false): Promise<void> {
    await settled()
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > limitMs) break
      this.#pop()
      if (next.cancelled) continue
      this.#nowMs = next.atMs
      this.#fired++
      this.#quiet = false
      next.run()
      if (!this.#quiet) await settled()
      if (stop()) return
    }
    this.#nowMs = Math.max(this.#nowMs, limitMs)
  }

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, left)) child++
      const smaller = heap[child]
      if (smaller === undefined || !isBefore(smaller, last)) break
      heap[index] = smaller
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** Node runs a tick after the queue of promise callbacks is empty, however long it has become meanwhile. */
function settled(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}
