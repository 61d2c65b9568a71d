// Keeps the view of the cluster alive: read the range, follow it on one stream, and begin anew, at another endpoint if
// need be, whenever the stream ends. States: unknown (with the reason) -> alive (stream created) -> unknown -> …

import type { IRangeResponse } from 'etcd3'
import { errorText } from '../../model/error-text.ts'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Entry } from '../../wire/cluster-view.ts'
import { isKnownKey } from '../../wire/keys.ts'
import type { Log } from '../store-log.ts'
import type { Sight, WatchState } from '../transport.ts'
import type { Calls } from './calls.ts'
import { type Endpoints, PING_INTERVAL_MS } from './etcd-endpoints.ts'
import { revisionOf } from './etcd-values.ts'
import type { KeySpace } from './key-space.ts'
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
  readonly clock: Clock
  readonly log: Log
  readonly abort: AbortSignal
}

const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 1000
/** Trouble that lasts until somebody changes rights or passwords. */
const PAUSE_MS_MAX_UNAUTHORISED = 10_000

export class Watch {
  readonly #parts: WatchParts
  #state: WatchState = { alive: false, why: 'the watch has not begun' }
  #running: Promise<void> | null = null
  #watchEndpoint = 0
  /** Of the etcd that the view comes from. */
  #epoch = 0

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
    const { calls, clock, endpoints, session, keys, terms, timings, abort } = this.#parts
    const budgetMs = Math.min(timings().retryTimeoutMs, 2 * this.#intervalMs())
    const readMs = clock.bootMs()
    const read = await calls.range({ budgetMs, deadlineMs: readMs + budgetMs }, keys.range)
    if (!read.ok) return read
    const login = await session.token(endpoints.current, budgetMs)
    if (!login.ok)
      return { treatment: 'other-endpoint', why: endpoints.explain(endpoints.current, login.failure) }
    const { revision } = read.value.header
    this.#epoch = terms.epoch
    const changed = this.#parts.entries.replace(snapshotOf(read.value, keys), revisionOf(revision))
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
      onAlive: askedMs => this.#alive(askedMs ?? read.sentMs, changed),
      onEvents: events => this.#apply(events),
    })
    if (end.treatment === 're-authenticate') session.refused(login.value)
    return end
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

export function snapshotOf(response: IRangeResponse, keys: KeySpace): ReadonlyMap<string, Entry> {
  const snapshot = new Map<string, Entry>()
  for (const kv of response.kvs) {
    const key = keys.relative(kv.key)
    if (key !== null && isKnownKey(key)) snapshot.set(key, entryOf(kv))
  }
  return snapshot
}
