// The way from a store to the simulated etcd: what src/dcs/etcd/calls.ts is over gRPC, with the same budgets and tries. A
// request may be lost, an answer may be lost after the request was applied, and either may come late.

import type { Etcd3, ICompare, IRangeResponse, IRequestOp, ITxnResponse } from 'etcd3'
import {
  type CallFailure,
  failureText,
  mayHaveBeenApplied,
  treatmentOf,
} from '../../../src/dcs/etcd/call-errors.ts'
import type { CallBudget, CallResult, Calls } from '../../../src/dcs/etcd/calls.ts'
import type { Header } from '../../../src/dcs/etcd/terms.ts'
import { errorText } from '../../../src/model/error-text.ts'
import type { OsProcess } from '../machine/os-process.ts'
import type { Network } from '../network.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Compare, Etcd, StoredKey } from './etcd.ts'
import { EtcdError, operationOf } from './etcd.ts'

/** How unreliable etcd is at the moment, for everybody. */
export interface EtcdWeather {
  /** Probabilities for one request. */
  requestLost: number
  answerLost: number
  slow: number
  slowMs: number
}

export interface EtcdPath {
  readonly etcd: Etcd
  readonly network: Network
  readonly scheduler: Scheduler
  readonly random: Random
  readonly weather: EtcdWeather
  readonly process: OsProcess
  readonly member: string
}

const ENDPOINTS = 3
const CLUSTER_ID = '14841639068965178418'

export class EtcdClient {
  readonly #path: EtcdPath
  readonly #client: Etcd3

  constructor(path: EtcdPath) {
    this.#path = path
    this.#client = fakeClient(path)
  }

  /** Only the parts that the store's classes use exist. */
  asCalls(): Calls {
    return this as unknown as Calls
  }

  async run<T extends { readonly header: Header }>(
    budget: CallBudget,
    send: (client: Etcd3, options: object) => Promise<T>,
  ): Promise<CallResult<T>> {
    const { clock } = this.#path.process
    let unclear = false
    let failure: CallFailure = { code: null, details: 'no time left, not sent' }
    for (let tries = 0; ; tries++) {
      await this.#pauseAfterRound(tries, budget.deadlineMs)
      const leftMs = budget.deadlineMs - clock.bootMs()
      if (leftMs < 5) break
      const sentMs = clock.bootMs()
      const tried = await this.#tryOnce(send, Math.min(leftMs, tryMs(budget.budgetMs, tries)))
      if (tried.ok) return { ok: true, value: tried.value, sentMs, unclear }
      failure = tried.failure
      unclear ||= mayHaveBeenApplied(failure)
      const treatment = treatmentOf(failure)
      if (treatment !== 'other-endpoint' && treatment !== 'retry-here')
        return { ok: false, treatment, why: failureText(failure), unclear }
    }
    const why = `etcd did not answer within ${Math.round(budget.budgetMs)} ms: ${failureText(failure)}`
    return { ok: false, treatment: treatmentOf(failure), why, unclear }
  }

  range(budget: CallBudget, range: Range) {
    return this.run(budget, (client: Etcd3) => client.kv.range({ ...range }))
  }

  async #pauseAfterRound(tries: number, deadlineMs: number): Promise<void> {
    if (tries === 0 || tries % ENDPOINTS !== 0) return
    const { clock } = this.#path.process
    const pauseMs = Math.min(500, 50 * 2 ** Math.min(10, tries / ENDPOINTS - 1))
    await clock.sleep(Math.max(0, Math.min(pauseMs, deadlineMs - clock.bootMs())))
  }

  #tryOnce<T>(
    send: (client: Etcd3, options: object) => Promise<T>,
    ms: number,
  ): Promise<
    { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: CallFailure }
  > {
    return new Promise(resolve => {
      const timer = this.#path.process.after(ms, () =>
        resolve({ ok: false, failure: { code: 4, details: `no answer within ${Math.round(ms)} ms` } }),
      )
      send(this.#client, {}).then(
        value => {
          timer.cancel()
          resolve({ ok: true, value })
        },
        (error: unknown) => {
          timer.cancel()
          resolve({ ok: false, failure: failureOf(error) })
        },
      )
    })
  }
}

function tryMs(budgetMs: number, tries: number): number {
  const first = Math.min(700, Math.max(200, budgetMs / (2 * ENDPOINTS)))
  return first * 2 ** Math.min(10, Math.floor(tries / ENDPOINTS))
}

function failureOf(error: unknown): CallFailure {
  const details = errorText(error)
  return { code: error instanceof EtcdError ? 5 : 14, details }
}

/** One question and one answer over the network, in whatever weather. */
function exchange<T>(path: EtcdPath, ask: (etcd: Etcd) => T): Promise<T> {
  const { etcd, network, random, weather, process, member } = path
  return new Promise((resolve, reject) => {
    const reply = (tell: () => void): void => {
      if (random.chance(weather.answerLost)) return
      later(path, () => network.send('etcd', member, () => process.deliver(tell)))
    }
    const answer = (): void => {
      if (!etcd.available) {
        if (random.chance(0.5)) reply(() => reject(new Error('etcdserver: no leader')))
        return
      }
      try {
        const value = ask(etcd)
        reply(() => resolve(value))
      } catch (error) {
        reply(() => reject(error))
      }
    }
    if (random.chance(weather.requestLost)) return
    later(path, () => network.send(member, 'etcd', answer))
  })
}

/** Mostly at once, sometimes much later: then it is applied though nobody waits for it any more. */
function later({ random, weather, scheduler }: EtcdPath, run: () => void): void {
  if (random.chance(weather.slow)) scheduler.after(random.below(weather.slowMs), run)
  else run()
}

function headerOf(etcd: Etcd): Header {
  return { cluster_id: CLUSTER_ID, revision: String(etcd.revision), raft_term: etcd.term }
}

/** As it goes over the wire; made once, however often it is asked for. */
const onTheWire = new WeakMap<StoredKey, object>()

function keyValue(key: string, value: StoredKey): object {
  const known = onTheWire.get(value)
  if (known !== undefined) return known
  const made = {
    key: Buffer.from(key),
    value: Buffer.from(value.text),
    lease: value.leaseId,
    mod_revision: String(value.modRevision),
    create_revision: String(value.createRevision),
  }
  onTheWire.set(value, made)
  return made
}

interface Range {
  readonly key: Buffer
  readonly range_end?: Buffer
  /** 0 and absent: none. */
  readonly limit?: number
  readonly keys_only?: boolean
  /** Only of a single key; absent: as it is now. */
  readonly revision?: string
}

function within(etcd: Etcd, range: Range): readonly object[] {
  const from = String(range.key)
  if (range.range_end === undefined) {
    const value = range.revision === undefined ? etcd.get(from) : etcd.getAt(from, Number(range.revision))
    return value === null ? [] : [keyValue(from, value)]
  }
  const to = String(range.range_end)
  const kvs: object[] = []
  for (const [key, value] of etcd.all()) if (key >= from && key < to) kvs.push(keyValue(key, value))
  return kvs
}

/** In the order of the keys, as etcd has them; all of one revision. */
function found(etcd: Etcd, { limit = 0, ...range }: Range): object {
  const kvs = within(etcd, range) as readonly { readonly key: Buffer }[]
  const inOrder = (
    range.keys_only === true ? kvs.map(kv => ({ ...kv, value: Buffer.alloc(0) })) : [...kvs]
  ).sort((a, b) => Buffer.compare(a.key, b.key))
  return { kvs: limit > 0 ? inOrder.slice(0, limit) : inOrder, count: String(kvs.length) }
}

/** A transaction that only reads. The simulated clusters are small: no range is asked for at an earlier revision. */
function reads(etcd: Etcd, operations: readonly IRequestOp[]): ITxnResponse {
  const responses = operations.map(({ request_range: range }) => {
    if (range === undefined || (range.revision !== undefined && range.range_end !== undefined))
      throw new Error('bug: the simulated etcd has no ranges of earlier revisions')
    return { response_range: found(etcd, range as Range) }
  })
  return { header: headerOf(etcd), succeeded: true, responses } as unknown as ITxnResponse
}

function comparesOf(compares: readonly ICompare[]): readonly Compare[] {
  return compares.map(compare => ({ key: String(compare.key), holds: value => holds(compare, value) }))
}

function holds(compare: ICompare, value: StoredKey | null): boolean {
  switch (compare.target) {
    case 'Create':
      return value === null
    case 'Mod':
      return (value?.modRevision ?? 0) === Number(compare.mod_revision)
    case 'Value':
      return value?.text === String(compare.value)
    case 'Lease':
      return value?.leaseId === String(compare.lease)
    default:
      throw new Error(`bug: the simulated etcd does not compare ${String(compare.target)}`)
  }
}

function fakeClient(path: EtcdPath): Etcd3 {
  const kv = {
    range: (range: Range): Promise<IRangeResponse> =>
      exchange(
        path,
        etcd => ({ header: headerOf(etcd), kvs: within(etcd, range) }) as unknown as IRangeResponse,
      ),
    txn: (request: {
      readonly compare: readonly ICompare[]
      readonly success: readonly IRequestOp[]
    }): Promise<ITxnResponse> =>
      exchange(path, etcd => {
        if (request.compare.length === 0) return reads(etcd, request.success)
        const guards = comparesOf(request.compare)
        const [guard] = guards
        if (guard === undefined) throw new Error('bug: a transaction without a guard')
        const operations = request.success.map(operationOf).filter(operation => operation !== null)
        const { succeeded, entry } = etcd.txn(guards, operations)
        const kvs = entry === null ? [] : [keyValue(guard.key, entry)]
        const responses = [{ response_range: { kvs } }]
        return { header: headerOf(etcd), succeeded, responses } as unknown as ITxnResponse
      }),
  }
  const leaseClient = {
    leaseGrant: ({ TTL }: { readonly TTL: number }) =>
      exchange(path, etcd => {
        const { id, ttlSeconds } = etcd.grant(TTL)
        return { header: headerOf(etcd), ID: id, TTL: String(ttlSeconds) }
      }),
    leaseKeepAlive: () => Promise.resolve(keepAliveStream(path)),
  }
  return { kv, leaseClient } as unknown as Etcd3
}

function keepAliveStream(path: EtcdPath): object {
  let onData: (answer: object) => void = () => {}
  let onError: (error: unknown) => void = () => {}
  return {
    on(event: string, listener: (value: never) => void) {
      if (event === 'data') onData = listener as (answer: object) => void
      if (event === 'error') onError = listener as (error: unknown) => void
    },
    write({ ID }: { readonly ID: string }) {
      exchange(path, etcd => ({ header: headerOf(etcd), ID, TTL: String(etcd.keepAlive(ID)) })).then(
        answer => onData(answer),
        error => onError(error),
      )
    },
    end() {},
  }
}
