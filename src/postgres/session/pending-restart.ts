// Which settings a start by us would change: queried when that may have changed, logged when it has.

import type { Millis } from '../../model/units.ts'
import type { Context } from '../context.ts'
import type { PendingRestart } from '../settings/settings.ts'
import { queryOrThrow } from './connection.ts'

export class PendingRestartWatch {
  readonly #context: Context
  #key = ''
  /** As last known: without an answer nothing changes. */
  #known: PendingRestart = {}

  constructor(context: Context) {
    this.#context = context
  }

  /** `key` identifies the server and its last reading of the settings. When we write settings, the state is reset. */
  async of(key: string, limitMs: Millis): Promise<PendingRestart> {
    const { kept, settings, state } = this.#context
    if (key !== this.#key) state.pendingRestart = null
    this.#key = key
    if (state.pendingRestart !== null) return state.pendingRestart
    const found = await settings.pendingRestart(queryOrThrow(kept, limitMs)).catch(() => null)
    state.pendingRestart = found
    if (found !== null) this.#learn(found)
    return this.#known
  }

  #learn(found: PendingRestart): void {
    const [before, now] = [this.#known, found].map(textOf)
    this.#known = found
    if (before === now) return
    const text =
      now === ''
        ? 'no setting waits for a restart of PostgreSQL any more'
        : `a restart of PostgreSQL is pending: ${now}`
    this.#context.log('info', text)
  }
}

function textOf(pending: PendingRestart): string {
  return Object.entries(pending)
    .map(([name, { oldValue, newValue }]) => `${name} ${oldValue} -> ${newValue}`)
    .join(', ')
}
