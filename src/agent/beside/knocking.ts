// Beside the beats, a fresh connection to the local PostgreSQL every second, one at a time. No beat waits for it: its result
// is a fact of the next snapshot. Time in which this agent itself stood still proves nothing about the server.

import type { Snapshot } from '../../model/decision/snapshot.ts'
import { errorText } from '../../model/error-text.ts'
import type { Knock, KnocksView } from '../../model/server/vitals.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Postgres } from '../../ports/postgres.ts'

interface KnockingPorts {
  readonly postgres: Pick<Postgres, 'knock'>
  readonly clock: Pick<Clock, 'bootMs' | 'sleep'>
  readonly settings: () => DynamicSettings
  readonly wake: (cause: string) => void
  readonly failed: (why: string) => void
}

const EVERY_MS: Millis = 1000
/** After this a connection is given up, and another one is tried. */
const LIMIT_MS: Millis = 3000
/** A shorter silence is not worth a beat. */
const WAKE_AFTER_MS: Millis = 1000
/** While a connection is not answered, the agent sees this often that it runs itself. */
const TICK_MS: Millis = 250
/** A tick that is later than this: the agent was frozen, or the machine. */
const FROZEN_MS: Millis = 1000

export class Knocking {
  readonly #ports: KnockingPorts
  readonly #closing = new AbortController()
  /** PostgreSQL runs, and no work starts or stops it. */
  #mayAnswer: boolean = false
  #running: boolean = false
  /** The query of the last beat got no answer. */
  #isMute: boolean = false
  #asked: Knock = 'connection'
  #sinceMs: BootMillis | null = null
  #tickMs: BootMillis
  #totalMs: Millis = 0
  #told: boolean = false

  constructor(ports: KnockingPorts) {
    this.#ports = ports
    this.#tickMs = ports.clock.bootMs()
  }

  view(): KnocksView {
    const isFrozen = this.#ports.clock.bootMs() - this.#tickMs > TICK_MS + FROZEN_MS
    return {
      unansweredSinceMs: isFrozen ? null : this.#sinceMs,
      asked: this.#asked,
      unansweredTotalMs: this.#totalMs,
    }
  }

  /** Gets each beat's snapshot. */
  consider(snapshot: Snapshot): void {
    const { process, server } = snapshot.postgres
    this.#mayAnswer = this.#ports.settings().hungServerTimeoutMs > 0 && mayAnswer(snapshot)
    this.#isMute = !server.known && process.kind === 'running' && process.readiness === 'unknown'
    if (!this.#mayAnswer) this.#sinceMs = null
    if (!this.#mayAnswer || this.#running) return
    this.#running = true
    this.#run()
      .catch((error: unknown) => this.#ports.failed(`knocking at PostgreSQL: ${errorText(error)}`))
      .finally(() => {
        this.#sinceMs = null
        this.#told = false
        this.#running = false
      })
  }

  close(): void {
    this.#closing.abort()
  }

  get #isOver(): boolean {
    return !this.#mayAnswer || this.#closing.signal.aborted
  }

  async #run(): Promise<void> {
    const { clock, settings } = this.#ports
    while (!this.#isOver) {
      await this.#once(Math.min(LIMIT_MS, settings().hungServerTimeoutMs))
      const pauseMs = Math.min(EVERY_MS, settings().hungServerTimeoutMs / 2)
      if (this.#sinceMs === null) await clock.sleep(pauseMs, this.#closing.signal)
    }
  }

  /** One connection, to its answer or its limit. */
  async #once(limitMs: Millis): Promise<void> {
    const { clock, postgres } = this.#ports
    const ask = this.#isMute ? 'login' : 'connection'
    this.#tickMs = clock.bootMs()
    if (this.#sinceMs === null) this.#asked = ask
    this.#sinceMs ??= this.#tickMs
    const asking = postgres.knock(ask, limitMs)
    for (;;) {
      const later = clock.sleep(TICK_MS, this.#closing.signal).then(() => null)
      const answer = await Promise.race([asking, later])
      if (this.#isOver) return
      if (answer === true) return this.#answered()
      this.#tick()
      if (answer === false) return
    }
  }

  #tick(): void {
    const nowMs = this.#ports.clock.bootMs()
    const passedMs = nowMs - this.#tickMs
    this.#tickMs = nowMs
    if (this.#sinceMs === null) return
    // The server may have been frozen with the agent: the silence begins anew.
    if (passedMs > TICK_MS + FROZEN_MS) this.#sinceMs = nowMs
    if (nowMs - this.#sinceMs < WAKE_AFTER_MS) return
    this.#totalMs += passedMs
    if (!this.#told) this.#ports.wake('PostgreSQL does not answer a new connection')
    this.#told = true
  }

  #answered(): void {
    this.#sinceMs = null
    if (this.#told) this.#ports.wake('PostgreSQL answers new connections again')
    this.#told = false
  }
}

/** A server that is started or stopped answers when that is over, and the work has a limit of its own. */
function mayAnswer({ postgres, stopRequested, work }: Snapshot): boolean {
  const isLeftAlone = work === null || work.job.kind === 'follow' || work.job.kind === 'promote'
  return postgres.process.kind === 'running' && isLeftAlone && !stopRequested
}
