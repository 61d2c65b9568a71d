// Keeps the view of the cluster alive: read the range, follow it on one stream, and begin anew, at another endpoint if
// need be, whenever the stream ends. States: unknown (with the reason) -> alive (stream created) -> unknown -> …

import { errorText } from '../../model/error-text.ts'
import type { BootMillis, MemberName, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { isKnownKey, memberNameOf } from '../../wire/keys.ts'
import type { Log } from '../store-log.ts'
import type { Sight, WatchState } from '../transport.ts'
import type { CallBudget, Calls } from './calls.ts'
import { type Endpoints, PING_INTERVAL_MS } from './etcd-endpoints.ts'
import { revisionOf } from './etcd-values.ts'
import type { KeySpace } from './key-space.ts'
import { readScopeOver } from './range-calls.ts'
import type { Session } from './session.ts'
import type { Terms } from './terms.ts'
import { entryOf } from './transaction.ts'
import { followWatch, type StreamEnd } from './watch-stream.ts'

interface WatchParts extends Sight {
  readonly endpoints: Endpoints
  readonly session: Session
  readonly calls: Calls
  readonly terms: Terms
  readonly keys: KeySpace
  /** This node's own. */
  readonly member: MemberName
  readonly clock: Clock
  readonly log: Log
  readonly abort: AbortSignal
}

const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 1000
/** Trouble that lasts until somebody changes rights or passwords. */
const PAUSE_MS_MAX_UNAUTHORISED = 10_000
/** While there are more keys than are kept, which of them count is looked up so often. */
const CROWDED_READ_MS: Millis = 60_000

export class Watch {
  readonly #parts: WatchParts
  #state: WatchState = { alive: false, why: 'the watch has not begun' }
  #running: Promise<void> | null = null
  #watchEndpoint = 0
  /** Of the etcd that the view comes from. */
  #epoch = 0
  #readMs: BootMillis = 0
  #readingAgain: Promise<void> = Promise.resolve()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  get state(): WatchState {
    if (!this.#state.alive || this.#epoch === this.#parts.terms.epoch) return this.#state
    return { alive: false, why: 'etcd was replaced by another one' }
  }

  /** Begins once; later calls do nothing. */
  start(): void {
    if (this.#running !== null || this.#parts.abort.aborted) return
    this.#watchEndpoint = this.#parts.endpoints.current
    this.#running = this.#run()
  }

  /** Resolves when the loop has ended, after `abort`. Rejects for a bug, or when a listener threw. */
  async ended(): Promise<void> {
    await this.#running
    await this.#readingAgain
  }

  async #run(): Promise<void> {
    const { clock, abort, endpoints, log } = this.#parts
    let pauseMs = 0
    while (!abort.aborted) {
      const wasAlive = this.#state.alive
      const end = await this.#session().catch(error => this.#broken(error))
      const lived = this.#state.alive && !wasAlive
      this.#down(end.why)
      if (abort.aborted) return
      const unauthorised = end.treatment === 're-authenticate' || end.treatment === 'fatal'
      if (lived) log('INFO', `watch on etcd at ${endpoints.name(this.#watchEndpoint)} ended: ${end.why}`)
      if (!lived && pauseMs === 0) log('WARNING', `no watch on etcd: ${end.why}`)
      if (end.treatment !== 'compacted') this.#watchEndpoint = (this.#watchEndpoint + 1) % endpoints.count
      const pauseMsMax = unauthorised ? PAUSE_MS_MAX_UNAUTHORISED : PAUSE_MS_MAX
      pauseMs = lived ? 0 : Math.min(pauseMsMax, Math.max(PAUSE_MS_MIN, pauseMs * 2))
      await clock.sleep(lived ? PAUSE_MS_MIN : pauseMs, abort)
    }
  }

  async #session(): Promise<StreamEnd> {
    const { clock, endpoints, session, keys, terms, abort } = this.#parts
    const { budgetMs, deadlineMs } = this.#readBudget()
    const read = await this.#read({ budgetMs, deadlineMs })
    if (!read.ok) return read
    const login = await session.token(endpoints.current, budgetMs)
    if (!login.ok)
      return { treatment: 'other-endpoint', why: endpoints.explain(endpoints.current, login.failure) }
    const { revision } = read.first
    this.#epoch = terms.epoch
    const changed = this.#parts.entries.replace(read.entries, revisionOf(revision), read.unread)
    const end = await followWatch({
      client: await endpoints.client(this.#watchEndpoint),
      explain: failure => endpoints.explain(this.#watchEndpoint, failure),
      token: login.value,
      keys,
      // Not the next one: etcd 3.5 answers no progress request while a watch waits for a revision that does not exist
      // yet. Keys that already have this revision are reported once more, and ignored.
      fromRevision: Number(revision),
      intervalMs: () => this.#intervalMs(),
      clock,
      terms,
      abort,
      onAlive: askedMs => this.#alive(askedMs ?? read.first.sentMs, changed),
      onEvents: events => this.#apply(events),
    })
    if (end.treatment === 're-authenticate') session.refused(login.value)
    return end
  }

  #readBudget(): CallBudget {
    const budgetMs = Math.min(this.#parts.timings().retryTimeoutMs, 2 * this.#intervalMs())
    return { budgetMs, deadlineMs: this.#parts.clock.bootMs() + budgetMs }
  }

  #read(budget: CallBudget): ReturnType<typeof readScopeOver> {
    const { calls, keys, member, entries, clock } = this.#parts
    this.#readMs = clock.bootMs()
    const known = [...entries.all].flatMap(([key, { leaseId }]) =>
      leaseId === null ? [] : (memberNameOf(key) ?? []),
    )
    return readScopeOver(calls, keys, budget, member, known)
  }

  /** What is left out may matter by now, and what was kept may be gone. */
  async #readAgain(): Promise<void> {
    const { entries, terms, onChange } = this.#parts
    const read = await this.#read(this.#readBudget())
    if (!read.ok || !this.state.alive || this.#epoch !== terms.epoch) return
    const changed = entries.replace(read.entries, revisionOf(read.first.revision), read.unread)
    if (changed.length > 0) onChange(changed)
  }

  // E.g. a certificate file that cannot be read.
  #broken(error: unknown): StreamEnd {
    const details = errorText(error)
    const why = this.#parts.endpoints.explain(this.#watchEndpoint, { code: null, details })
    return { treatment: 'other-endpoint', why }
  }

  #alive(atMs: BootMillis, changedByRead: readonly string[]): void {
    const was = this.#state
    this.#state = { alive: true, atMs }
    const isDue = this.#parts.clock.bootMs() - this.#readMs >= CROWDED_READ_MS
    if (was.alive && isDue && this.#parts.entries.unread > 0) this.#readingAgain = this.#readAgain()
    if (was.alive) return
    this.#parts.log('INFO', `watch on etcd is at ${this.#parts.endpoints.name(this.#watchEndpoint)}`)
    this.#parts.onChange(changedByRead)
  }

  #down(why: string): void {
    const was = this.#state
    this.#state = { alive: false, why }
    if (was.alive) this.#parts.onChange([])
  }

  #apply(events: readonly { readonly type: string; readonly kv: Parameters<typeof entryOf>[0] }[]): void {
    const { entries, keys, onChange } = this.#parts
    const changed: string[] = []
    for (const { type, kv } of events) {
      const key = keys.relative(kv.key)
      if (key === null || !isKnownKey(key)) continue
      const isNew =
        type === 'Delete' ? entries.delete(key, revisionOf(kv.mod_revision)) : entries.put(key, entryOf(kv))
      if (isNew) changed.push(key)
    }
    if (changed.length > 0) onChange(changed)
  }

  // An endpoint that answers but lags behind goes unnoticed for twice this long; so does one that hangs, where pings
  // are too slow for the ttl. Where pings are fast enough, questions are rare: they are most of an idle cluster's load
  // on etcd.
  #intervalMs(): Millis {
    const { ttlMs } = this.#parts.timings()
    const oftenMs = Math.max(1000, ttlMs / 5)
    return oftenMs < PING_INTERVAL_MS ? oftenMs : 2 * PING_INTERVAL_MS
  }
}
