// Unary calls with a total budget over all endpoints: each try is bounded, so that a hung endpoint cannot eat the
// budget; after a failure the next endpoint is asked; the outcome is a value, never an exception.

import type { CallOptions } from '@grpc/grpc-js'
import type { Etcd3, IRangeResponse } from 'etcd3'
import type { BootMillis, Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Tried, tryOnce } from './attempt.ts'
import { type CallFailure, mayHaveBeenApplied, type Treatment, treatmentOf } from './call-errors.ts'
import { allRefuse, noAnswer } from './connection-fault.ts'
import type { Endpoints } from './etcd-endpoints.ts'
import type { Session } from './session.ts'
import type { Header, Terms } from './terms.ts'

export type CallResult<T> =
  | {
      readonly ok: true
      readonly value: T
      /** Boot-time instant before the answered request was sent. */
      readonly sentMs: BootMillis
      /** An earlier try of the same call may have been applied without our seeing the answer. */
      readonly unclear: boolean
    }
  | { readonly ok: false; readonly treatment: Treatment; readonly why: string; readonly unclear: boolean }

export interface CallBudget {
  readonly budgetMs: Millis
  readonly deadlineMs: BootMillis
  /** Reads only: an answer with a lower raft term than known counts as a failure of its endpoint. */
  readonly refuseOldTerm?: boolean
}

type Answer = { readonly header: Header }
type Send<T> = (client: Etcd3, options: CallOptions) => Promise<T>

const TRY_MS_MIN = 200
const TRY_MS_MAX = 700
const PAUSE_MS_MAX = 500
const LOGIN_MS_MIN = 1000

export class Calls {
  readonly #endpoints: Endpoints
  readonly #session: Session
  readonly #terms: Terms
  readonly #clock: Clock
  readonly #abort: AbortSignal

  constructor(endpoints: Endpoints, session: Session, terms: Terms, clock: Clock, abort: AbortSignal) {
    this.#endpoints = endpoints
    this.#session = session
    this.#terms = terms
    this.#clock = clock
    this.#abort = abort
  }

  async run<T extends Answer>(budget: CallBudget, send: Send<T>): Promise<CallResult<T>> {
    let unclear = false
    let loggedIn = false
    let failure: CallFailure = { code: null, details: 'no time left, not sent' }
    const faults = new Map<number, string | null>()
    const said = new Map<number, string>()
    for (let tries = 0; !this.#abort.aborted; tries++) {
      await this.#pauseAfterRound(tries, budget.deadlineMs)
      const leftMs = budget.deadlineMs - this.#clock.bootMs()
      if (leftMs < 5 || this.#abort.aborted) break
      const endpoint = this.#endpoints.current
      const ms = Math.min(leftMs, this.#tryMs(budget.budgetMs, tries))
      const tried = await this.#tryAt(endpoint, send, budget, ms)
      if (tried.ok) return { ...tried, unclear }
      failure = tried.failure
      faults.set(endpoint, this.#endpoints.faultOf(endpoint, failure))
      // A try cut short by the end of the budget says less than an earlier full one.
      if (!said.has(endpoint) || ms >= TRY_MS_MIN) said.set(endpoint, this.#endpoints.say(endpoint, failure))
      unclear ||= mayHaveBeenApplied(failure)
      const treatment = treatmentOf(failure)
      if (treatment === 're-authenticate' && !loggedIn && this.#session.refused(tried.token)) loggedIn = true
      else if (treatment === 'other-endpoint') this.#leave(endpoint, failure)
      else if (treatment !== 'retry-here')
        return { ok: false, treatment, why: this.#endpoints.explain(endpoint, failure), unclear }
    }
    if (this.#abort.aborted) return { ok: false, treatment: 'give-up', why: 'the store is closed', unclear }
    const why = allRefuse(faults, this.#endpoints.count) ?? noAnswer(budget.budgetMs, said)
    return { ok: false, treatment: treatmentOf(failure), why, unclear }
  }

  /** A linearizable read of a range. */
  range(
    budget: CallBudget,
    range: { readonly key: Buffer; readonly range_end?: Buffer },
  ): Promise<CallResult<IRangeResponse>> {
    return this.run({ ...budget, refuseOldTerm: true }, (client, options) =>
      client.kv.range({ ...range }, options),
    )
  }

  #leave(endpoint: number, failure: CallFailure): void {
    this.#endpoints.leave(endpoint, failure)
    void this.#endpoints.refreshCertificates()
  }

  // The first round gives each endpoint a fair part of half the budget; each further round twice as much, for an etcd
  // that is slow everywhere. 700 ms is several times what a healthy etcd on a poor disk needs.
  #tryMs(budgetMs: Millis, tries: number): Millis {
    const { count } = this.#endpoints
    const first = Math.min(TRY_MS_MAX, Math.max(TRY_MS_MIN, budgetMs / (2 * count)))
    return first * 2 ** Math.min(10, Math.floor(tries / count))
  }

  async #pauseAfterRound(tries: number, deadlineMs: BootMillis): Promise<void> {
    const { count } = this.#endpoints
    if (tries === 0 || tries % count !== 0) return
    const pauseMs = Math.min(PAUSE_MS_MAX, 50 * 2 ** Math.min(10, tries / count - 1))
    await this.#clock.sleep(Math.max(0, Math.min(pauseMs, deadlineMs - this.#clock.bootMs())), this.#abort)
  }

  async #tryAt<T extends Answer>(
    endpoint: number,
    send: Send<T>,
    budget: CallBudget,
    ms: Millis,
  ): Promise<(Tried<T> & { readonly sentMs: BootMillis }) & { readonly token: string | null }> {
    const loginMs = Math.min(budget.deadlineMs - this.#clock.bootMs(), Math.max(ms, LOGIN_MS_MIN))
    const login = await this.#session.token(endpoint, loginMs)
    const sentMs = this.#clock.bootMs()
    if (!login.ok) return { ...login, sentMs, token: null }
    const token = login.value
    const tried = await tryOnce(async options => send(await this.#endpoints.client(endpoint), options), {
      token,
      ms,
      wallMs: this.#clock.wallMs(),
      abort: this.#abort,
    })
    if (!tried.ok) return { ...tried, sentMs, token }
    this.#endpoints.answered(endpoint)
    const distrusted = this.#terms.take(tried.value.header)
    if (distrusted !== null && budget.refuseOldTerm === true) {
      return { ok: false, failure: { code: null, details: distrusted }, sentMs, token }
    }
    this.#terms.reached(tried.value.header)
    return { ...tried, sentMs, token }
  }
}
