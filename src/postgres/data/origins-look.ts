// The notes on timelines as a fact of a look.

import { errorText } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { Origins } from '../../model/server/origins.ts'
import type { Context } from '../context.ts'
import { readOrigins } from './noted-origins.ts'

export class OriginsLook {
  readonly #context: Context
  #reading: Promise<Seen<Origins | null>> | null = null

  constructor(context: Context) {
    this.#context = context
  }

  /** On a hung disk the read of an earlier look is still pending: one is enough, because there are few threads. */
  read(): Promise<Seen<Origins | null>> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #read(): Promise<Seen<Origins | null>> {
    const { clock } = this.#context
    const atMs = clock.bootMs()
    return await readOrigins(this.#context).then(
      noted => seen(noted, atMs),
      error => unseen(`the notes on timelines: ${errorText(error)}`),
    )
  }
}
