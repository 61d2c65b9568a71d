// Sets synchronous_standby_names and sees it come into force; looks at what hactl's own file says of it.

import { errorText } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { Millis } from '../../model/units.ts'
import { inTime } from '../../ports/clock.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { sendSignal } from '../../system/proc.ts'
import { sameSyncNames } from '../../wire/sync-names.ts'
import { type Context, DONE, failed } from '../context.ts'
import { STATEMENT_LIMIT_MS } from '../session/connection.ts'

/** A disk that is slower than this is waited for by nobody; the write goes on. */
const WRITE_LIMIT_MS: Millis = 2000
/** A server reads its files within milliseconds of the signal. */
const IN_FORCE_LIMIT_MS: Millis = 1000
const PACE_MS: Millis = 10
const SHOW = "SELECT pg_catalog.current_setting('synchronous_standby_names') AS names"

export class SyncNamesSetting {
  readonly #context: Context
  #writing: Promise<StepOutcome> | null = null

  constructor(context: Context) {
    this.#context = context
  }

  /** Unknown while a write is in progress: what it will have written may come into force at any moment. */
  async look(limitMs: Millis): Promise<Seen<string | null>> {
    const { clock, settings } = this.#context
    if (this.#writing !== null) return unseen('synchronous_standby_names is being written')
    const atMs = clock.bootMs()
    const read = settings.syncNames.read().then(
      value => seen(value, atMs),
      error => unseen(`the file with synchronous_standby_names: ${errorText(error)}`),
    )
    return await inTime<Seen<string | null>>(read, limitMs, clock, () =>
      unseen('the file with synchronous_standby_names: the disk is too slow'),
    )
  }

  async set(value: string | null): Promise<StepOutcome> {
    if (this.#writing !== null) return failed('an earlier write of synchronous_standby_names goes on')
    const writing = this.#context.settingsWriters.run(() => this.#write(value))
    this.#writing = writing.finally(() => {
      this.#writing = null
    })
    const late = () => failed(`synchronous_standby_names is not written after ${WRITE_LIMIT_MS} ms`)
    return await inTime(this.#writing, WRITE_LIMIT_MS, this.#context.clock, late)
  }

  async #write(value: string | null): Promise<StepOutcome> {
    const { settings, watch } = this.#context
    const before = await settings.syncNames.read().catch(() => null)
    try {
      await settings.syncNames.write(value)
    } catch (error) {
      return failed(errorText(error))
    }
    const running = await watch.find()
    if (running === null) return DONE
    sendSignal(running.pid, 'SIGHUP')
    // Without a value of hactl's own an operator's counts, whatever that is.
    const isSeen = (shown: string): boolean =>
      value === null ? before === null || !sameSyncNames(shown, before) : sameSyncNames(shown, value)
    const inForce = await this.#inForce(isSeen)
    return value === null ? DONE : inForce
  }

  async #inForce(isSeen: (shown: string) => boolean): Promise<StepOutcome> {
    const { clock, kept } = this.#context
    const untilMs = clock.bootMs() + IN_FORCE_LIMIT_MS
    let shown = 'unknown'
    while (clock.bootMs() < untilMs) {
      const answer = await kept.query(SHOW, STATEMENT_LIMIT_MS)
      if (!answer.ok) return failed(`synchronous_standby_names was written, and is not seen: ${answer.why}`)
      shown = String(answer.rows[0]?.names)
      if (isSeen(shown)) return DONE
      await clock.sleep(PACE_MS)
    }
    return failed(`synchronous_standby_names was written, and ${JSON.stringify(shown)} stays in force`)
  }
}
