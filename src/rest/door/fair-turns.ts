// Whose turn it is. Clients that have sent something wait in one row for each address, and the rows take turns: whoever
// sends a thousand requests on a thousand connections waits behind himself, and a health check from another address waits
// for one turn of each address at most.

import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'

export interface Waiting {
  /** See address-key.ts. */
  readonly addressKey: string
  /** Takes what fits in one turn. A client that wants another one asks again. */
  takeTurn(): void
}

/** After so much work in one go the event loop looks at its sockets again. */
const AT_ONCE_MS: Millis = 1

export class FairTurns {
  readonly #clock: Pick<Clock, 'bootMs'>
  /** The first row is the next. A row is never empty. */
  readonly #rows = new Map<string, Set<Waiting>>()
  #due: NodeJS.Immediate | null = null

  constructor(clock: Pick<Clock, 'bootMs'>) {
    this.#clock = clock
  }

  /** It gets a turn soon, once, however often it asks for it. */
  ask(client: Waiting): void {
    const row = this.#rows.get(client.addressKey)
    if (row === undefined) this.#rows.set(client.addressKey, new Set([client]))
    else row.add(client)
    this.#due ??= setImmediate(() => this.#giveTurns())
  }

  /** It has gone. */
  forget(client: Waiting): void {
    const row = this.#rows.get(client.addressKey)
    if (row?.delete(client) === true && row.size === 0) this.#rows.delete(client.addressKey)
  }

  #giveTurns(): void {
    const endMs = this.#clock.bootMs() + AT_ONCE_MS
    while (this.#rows.size > 0 && this.#clock.bootMs() < endMs) this.#next()?.takeTurn()
    this.#due = this.#rows.size > 0 ? setImmediate(() => this.#giveTurns()) : null
  }

  /** The longest waiting client of the row whose turn it is; the row goes to the end. */
  #next(): Waiting | undefined {
    for (const [key, row] of this.#rows) {
      this.#rows.delete(key)
      const [client] = row
      if (client !== undefined) row.delete(client)
      if (row.size > 0) this.#rows.set(key, row)
      return client
    }
    return undefined
  }
}
