// This node's one etcd lease. States: none -> held (granted, or adopted after a restart) -> none (etcd says it is gone,
// or the wanted ttl changed: then the old lease is left to expire and a new one is made).

import type { CallOptions } from '@grpc/grpc-js'
import type { Etcd3, ILeaseKeepAliveResponse } from 'etcd3'
import type { BootMillis, LeaseId, Millis } from '../model/units.ts'
import type { Calls, CallWish } from './etcd/calls.ts'
import type { Log } from './store-log.ts'

export type Kept =
  | {
      readonly kind: 'kept'
      readonly leaseId: LeaseId
      /** The requested ttl; for an adopted lease, the one that etcd reports. */
      readonly askedMs: Millis
      /** Request sent, plus the TTL of the answer. */
      readonly validUntilMs: BootMillis
      readonly ttlSeconds: number
      /**
       * Raft term in which the lease was kept alive; null when it was granted, which a quorum agreed to. A keep-alive
       * is answered by the raft leader alone, and etcd before 3.4.29 / 3.5.10 does not make sure that it still is the
       * leader. It is proven by any later transaction that was answered in the same term: had there been a newer
       * leader by then, a quorum would have known a higher term.
       */
      readonly term: string | null
    }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreachable'; readonly why: string }

interface Held {
  readonly id: LeaseId
  /** TTL that was asked for, in seconds; etcd may have granted more. */
  readonly askedSeconds: number
}

export class Lease {
  readonly #calls: Calls
  readonly #log: Log
  #ttlSeconds: number
  #held: Held | null = null
  #granting: Promise<Kept> | null = null

  constructor(calls: Calls, log: Log, ttlMs: Millis) {
    this.#calls = calls
    this.#log = log
    this.#ttlSeconds = seconds(ttlMs)
  }

  get id(): LeaseId | null {
    return this.#held?.id ?? null
  }

  retime(ttlMs: Millis): void {
    this.#ttlSeconds = seconds(ttlMs)
  }

  /** Keeps the lease alive, or makes one when there is none, it is gone, or it has another ttl than wanted. */
  async keep(wish: CallWish): Promise<Kept> {
    if (this.#held !== null && this.#held.askedSeconds === this.#ttlSeconds) {
      const kept = await this.#keepAlive(this.#held.id, wish)
      if (kept.kind !== 'gone') return kept
    }
    this.#granting ??= this.#grant(wish).finally(() => {
      this.#granting = null
    })
    return this.#granting
  }

  /** Goes on with a lease that an earlier process of this node made; `gone` leaves everything as it was. */
  async adopt(id: LeaseId, wish: CallWish): Promise<Kept> {
    const kept = await this.#keepAlive(id, wish)
    if (kept.kind === 'kept') this.#held = { id, askedSeconds: kept.ttlSeconds }
    return kept.kind === 'kept' ? { ...kept, askedMs: kept.ttlSeconds * 1000 } : kept
  }

  /** Lets go of an adopted lease that turned out not to be ours. */
  leave(): void {
    this.#held = null
  }

  /** etcd said that it does not know the lease. */
  forget(id: LeaseId): void {
    if (this.#held?.id !== id) return
    this.#held = null
    this.#log('WARNING', `etcd no longer knows our lease ${id}`)
  }

  async #keepAlive(id: LeaseId, wish: CallWish): Promise<Kept> {
    const result = await this.#calls.run(wish, (client, options) => keepAliveOnce(client, options, id))
    if (!result.ok) {
      if (result.treatment !== 'lease-gone') return { kind: 'unreachable', why: result.why }
      this.forget(id)
      return { kind: 'gone' }
    }
    const ttlSeconds = Number(result.value.TTL)
    if (!(ttlSeconds > 0)) {
      this.forget(id)
      return { kind: 'gone' }
    }
    return {
      kind: 'kept',
      leaseId: id,
      askedMs: (this.#held?.askedSeconds ?? ttlSeconds) * 1000,
      validUntilMs: result.sentMs + ttlSeconds * 1000,
      ttlSeconds,
      term: result.value.header.raft_term,
    }
  }

  async #grant(wish: CallWish): Promise<Kept> {
    const askedSeconds = this.#ttlSeconds
    const result = await this.#calls.run(wish, (client, options) =>
      client.leaseClient.leaseGrant({ TTL: askedSeconds, ID: 0 }, options),
    )
    if (!result.ok) return { kind: 'unreachable', why: result.why }
    const { ID: id, TTL } = result.value
    const ttlSeconds = Number(TTL)
    this.#held = { id, askedSeconds }
    this.#log('DEBUG', `etcd lease ${id} made for ${ttlSeconds} s`)
    return {
      kind: 'kept',
      leaseId: id,
      askedMs: askedSeconds * 1000,
      validUntilMs: result.sentMs + ttlSeconds * 1000,
      ttlSeconds,
      term: null,
    }
  }
}

function seconds(ttlMs: Millis): number {
  return Math.max(1, Math.ceil(ttlMs / 1000))
}

/**
 * One question and one answer on a stream of its own: a long-lived stream to a hung member would hold the lease
 * hostage.
 */
async function keepAliveOnce(
  client: Etcd3,
  options: CallOptions,
  id: LeaseId,
): Promise<ILeaseKeepAliveResponse> {
  const stream = await client.leaseClient.leaseKeepAlive(options)
  return new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.on('end', () => reject(new Error('keep-alive stream ended without an answer')))
    stream.on('data', answer => {
      resolve(answer)
      stream.end()
    })
    stream.write({ ID: id })
  })
}
