// One raw watch stream on the prefix at one endpoint, from `created` to its end. It asks for progress at each interval
// and ends itself when nothing was heard for two of them, when etcd cancels it, or when its member lags behind.

import type { CallOptions } from '@grpc/grpc-js'
import type { Etcd3, IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { failureOf, type Trace, traced } from './attempt.ts'
import { type CallFailure, type Treatment, treatmentOf } from './call-errors.ts'
import type { KeySpace } from './key-space.ts'
import type { Terms } from './terms.ts'

export interface StreamEnd {
  readonly treatment: Treatment
  readonly why: string
}

interface WatchOptions {
  readonly client: Etcd3
  /** A failure in words. */
  readonly explain: (failure: CallFailure) => string
  readonly token: string | null
  readonly keys: KeySpace
  /** The first revision to report. */
  readonly fromRevision: number
  readonly intervalMs: () => Millis
  readonly clock: Clock
  readonly terms: Terms
  readonly abort: AbortSignal
  /** null: the stream is open now; later: etcd answered the request that was sent at that instant. */
  readonly onAlive: (askedMs: BootMillis | null) => void
  readonly onEvents: (events: IWatchResponse['events']) => void
}

type Stream = IDuplexStream<IWatchRequest, IWatchResponse>

/** Resolves when the stream is over, with the reason. Never rejects; ends at once when `abort` does. */
export function followWatch(options: WatchOptions): Promise<StreamEnd> {
  return new WatchStream(options).run()
}

class WatchStream {
  readonly #options: WatchOptions
  readonly #trace: Trace
  readonly #over = Promise.withResolvers<StreamEnd>()
  #timer: NodeJS.Timeout | undefined
  #ended: boolean = false
  #heardMs: BootMillis
  #askedMs: BootMillis | null = null
  /** For how many ticks the question has been open. */
  #openTicks = 0
  /** Highest store revision that this stream's member has shown. */
  #shownRevision: number = 0
  /** What others had shown when the last question was asked, and an interval earlier. */
  #knownRevision: number = 0
  #expectedRevision: number = 0
  readonly #epoch: number

  constructor(options: WatchOptions) {
    this.#options = options
    this.#trace = traced(options.token, null)
    this.#heardMs = options.clock.bootMs()
    this.#epoch = options.terms.epoch
  }

  async run(): Promise<StreamEnd> {
    const { abort } = this.#options
    const closed = () => this.#end('give-up', 'the store is closed')
    abort.addEventListener('abort', closed, { once: true })
    const opening = this.#open(this.#trace.options)
    const end = await this.#over.promise
    abort.removeEventListener('abort', closed)
    clearTimeout(this.#timer)
    this.#trace.cancel(1, 'no longer wanted')
    await opening
    return end
  }

  async #open(options: CallOptions): Promise<void> {
    const { client, keys, fromRevision, intervalMs } = this.#options
    this.#timer = setTimeout(
      () => this.#end('other-endpoint', 'no watch within two intervals'),
      2 * intervalMs(),
    )
    try {
      // Settles without waiting for the network: the stub only makes the stream.
      const stream = await client.watchClient.watch(options)
      stream.on('error', error => this.#fail(failureOf(error, this.#trace.status())))
      stream.on('end', () => this.#end('other-endpoint', 'the watch stream ended'))
      stream.on('data', message => this.#receive(stream, message))
      // Whatever else somebody writes below the prefix comes in pieces of what a single request may have.
      const create_request = { ...keys.range, start_revision: String(fromRevision), fragment: true }
      stream.write({ create_request })
    } catch (error) {
      this.#fail(failureOf(error, this.#trace.status()))
    }
  }

  #receive(stream: Stream, message: IWatchResponse): void {
    if (this.#ended) return
    const { clock, terms, onEvents } = this.#options
    this.#heardMs = clock.bootMs()
    const distrusted = terms.take(message.header)
    if (distrusted !== null) this.#end('other-endpoint', distrusted)
    else if (message.canceled) this.#cancelled(message)
    else if (message.created) this.#created(stream)
    else if (message.events.length > 0) onEvents(message.events)
    else this.#progress()
    this.#shownRevision = Math.max(this.#shownRevision, Number(message.header.revision))
  }

  #created(stream: Stream): void {
    this.#options.onAlive(null)
    this.#tickLater(stream)
  }

  #progress(): void {
    if (this.#askedMs === null) return
    this.#options.onAlive(this.#askedMs)
    this.#askedMs = null
  }

  #cancelled(message: IWatchResponse): void {
    if (Number(message.compact_revision) > 0) {
      this.#end('compacted', `compacted to ${message.compact_revision}`)
      return
    }
    const details = message.cancel_reason === '' ? 'no reason given' : message.cancel_reason
    this.#fail({ code: null, details: `watch cancelled: ${details}` })
  }

  #tickLater(stream: Stream): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tick(stream), this.#options.intervalMs())
  }

  #tick(stream: Stream): void {
    const nowMs = this.#options.clock.bootMs()
    this.#openTicks = this.#askedMs === null ? 0 : this.#openTicks + 1
    const trouble = this.#trouble(nowMs)
    if (trouble !== null) {
      this.#end('other-endpoint', trouble)
      return
    }
    this.#expectedRevision = this.#knownRevision
    this.#knownRevision = this.#options.terms.revision
    this.#askedMs ??= nowMs
    stream.write({ progress_request: {} })
    this.#tickLater(stream)
  }

  #trouble(nowMs: BootMillis): string | null {
    const silentMs = nowMs - this.#heardMs
    // Ticks count too: an agent that was itself paused heard nothing for long, but gave etcd no time to answer.
    if (this.#openTicks >= 2 && silentMs > 2 * this.#options.intervalMs())
      return `silent for ${Math.round(silentMs)} ms`
    if (this.#epoch !== this.#options.terms.epoch) return 'etcd was replaced by another one'
    // Its member answers but no longer takes part: others had shown a higher revision long before it was asked.
    if (this.#askedMs !== null || this.#shownRevision >= this.#expectedRevision) return null
    return `at revision ${this.#shownRevision}, etcd is at ${this.#expectedRevision}`
  }

  #fail(failure: CallFailure): void {
    this.#end(treatmentOf(failure), this.#options.explain(failure))
  }

  #end(treatment: Treatment, why: string): void {
    this.#ended = true
    this.#over.resolve({ treatment, why })
  }
}
