// Logs in to etcd with user and password, and keeps the token until a caller reports that it no longer works. One login
// at a time, however many calls wait for it: etcd spends 100 ms of CPU on each.

import type { EtcdConfig } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'
import { type Clock, inTime } from '../../ports/clock.ts'
import { type Tried, tryOnce } from './attempt.ts'
import { treatmentOf } from './call-errors.ts'
import type { Endpoints } from './etcd-endpoints.ts'

export class Session {
  readonly #credentials: EtcdConfig['credentials']
  readonly #endpoints: Endpoints
  readonly #clock: Clock
  readonly #abort: AbortSignal
  #token: string | null = null
  /** etcd said that authentication is off. */
  #off = false
  #login: Promise<Tried<string | null>> | null = null

  constructor(
    credentials: EtcdConfig['credentials'],
    endpoints: Endpoints,
    clock: Clock,
    abort: AbortSignal,
  ) {
    this.#credentials = credentials
    this.#endpoints = endpoints
    this.#clock = clock
    this.#abort = abort
  }

  /** Token to send; null when none is needed. Logs in at endpoint `index` if there is none yet. */
  async token(index: number, ms: Millis): Promise<Tried<string | null>> {
    if (this.#credentials === null || this.#off || this.#token !== null)
      return { ok: true, value: this.#token }
    this.#login ??= this.#authenticate(this.#credentials, index, ms).finally(() => {
      this.#login = null
    })
    // A caller that joins a login in progress may have less time than the one that began it.
    return await inTime<Tried<string | null>>(this.#login, ms, this.#clock, () => ({
      ok: false,
      failure: { code: null, details: `no login within ${Math.round(ms)} ms` },
    }))
  }

  async #authenticate(
    { username, password }: NonNullable<EtcdConfig['credentials']>,
    index: number,
    ms: Millis,
  ): Promise<Tried<string | null>> {
    const send = async (options: object) =>
      (await this.#endpoints.client(index)).auth.authenticate({ name: username, password }, options)
    const tried = await tryOnce(send, { token: null, ms, wallMs: this.#clock.wallMs(), abort: this.#abort })
    if (tried.ok) {
      this.#token = tried.value.token
      return { ok: true, value: this.#token }
    }
    if (treatmentOf(tried.failure) !== 'without-token') return tried
    this.#off = true
    return { ok: true, value: null }
  }

  /** `token` was refused. False when there is nothing to log in with. */
  refused(token: string | null): boolean {
    if (this.#credentials === null) return false
    this.#off = false
    if (this.#token === token) this.#token = null
    return true
  }
}
