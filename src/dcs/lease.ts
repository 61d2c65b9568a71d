// This node's one lease. States: none -> held (granted, or adopted after a restart) -> none (the store says it is gone,
// or the wanted ttl changed: then the old lease is left to expire and a new one is made).

import type { BootMillis, LeaseId, Millis } from '../model/units.ts'
import type { Log } from './store-log.ts'
import type { Budget, LeaseAnswer, Transport } from './transport.ts'

type Alive = Extract<LeaseAnswer, { kind: 'alive' }>
type Leases = Pick<Transport, 'name' | 'grant' | 'keepAlive'>

export type Kept =
  | {
      readonly kind: 'kept'
      readonly leaseId: LeaseId
      /** The requested ttl; for an adopted lease, the one that the store reports. */
      readonly askedMs: Millis
      /** The time the request was sent, plus the TTL in the answer. */
      readonly validUntilMs: BootMillis
      readonly ttlSeconds: number
      /** As in LeaseAnswer. */
      readonly term: string | null
    }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreachable'; readonly why: string }

interface Held {
  readonly id: LeaseId
  /** TTL that was asked for, in seconds; the store may have granted more. */
  readonly askedSeconds: number
}

export class Lease {
  readonly #transport: Leases
  readonly #log: Log
  #ttlSeconds: number
  #held: Held | null = null
  #granting: Promise<Kept> | null = null
  #toldLonger: string | null = null

  constructor(transport: Leases, log: Log, ttlMs: Millis) {
    this.#transport = transport
    this.#log = log
    this.#ttlSeconds = seconds(ttlMs)
  }

  /** The store's name, for people. */
  get store(): string {
    return this.#transport.name
  }

  get id(): LeaseId | null {
    return this.#held?.id ?? null
  }

  retime(ttlMs: Millis): void {
    this.#ttlSeconds = seconds(ttlMs)
  }

  /** Keeps the lease alive, or makes one when there is none, it is gone, or it has another ttl than wanted. */
  async keep(budget: Budget): Promise<Kept> {
    if (this.#held !== null && this.#held.askedSeconds === this.#ttlSeconds) {
      const kept = await this.#keepAlive(this.#held.id, budget)
      if (kept.kind !== 'gone') return kept
    }
    this.#granting ??= this.#grant(budget).finally(() => {
      this.#granting = null
    })
    return this.#granting
  }

  /** Goes on with a lease that an earlier process of this node made; `gone` leaves everything as it was. */
  async adopt(id: LeaseId, budget: Budget): Promise<Kept> {
    const kept = await this.#keepAlive(id, budget)
    if (kept.kind === 'kept') this.#held = { id, askedSeconds: kept.ttlSeconds }
    return kept.kind === 'kept' ? { ...kept, askedMs: kept.ttlSeconds * 1000 } : kept
  }

  /** Lets go of an adopted lease that turned out not to be ours. */
  leave(): void {
    this.#held = null
  }

  /** The store said that it does not know the lease. */
  forget(id: LeaseId): void {
    if (this.#held?.id !== id) return
    this.#held = null
    this.#log('WARNING', `${this.#transport.name} no longer knows our lease ${id}`)
  }

  async #keepAlive(id: LeaseId, budget: Budget): Promise<Kept> {
    const answer = await this.#transport.keepAlive(id, budget)
    if (answer.kind === 'gone') this.forget(id)
    return answer.kind === 'alive' ? kept(answer, this.#held?.askedSeconds ?? answer.ttlSeconds) : answer
  }

  async #grant(budget: Budget): Promise<Kept> {
    const askedSeconds = this.#ttlSeconds
    const answer = await this.#transport.grant(askedSeconds, budget)
    if (answer.kind !== 'alive') return answer
    this.#held = { id: answer.leaseId, askedSeconds }
    const { leaseId, ttlSeconds } = answer
    this.#log('DEBUG', `${this.#transport.name} lease ${leaseId} made for ${ttlSeconds} s`)
    this.#tellLonger(askedSeconds, ttlSeconds)
    return kept(answer, askedSeconds)
  }

  /** A failover waits for the lease that was granted, and not for the ttl that an operator sees in the configuration. */
  #tellLonger(askedSeconds: number, ttlSeconds: number): void {
    const longer = ttlSeconds > askedSeconds ? `${askedSeconds} ${ttlSeconds}` : null
    if (longer !== null && longer !== this.#toldLonger)
      this.#log(
        'WARNING',
        `ttl is ${askedSeconds} s, but ${this.#transport.name} makes no lease shorter than ${ttlSeconds} s: when the ` +
          'leader is lost, a failover waits that long. Set a ttl of at least that, or shorten the election timeout of ' +
          this.#transport.name,
      )
    this.#toldLonger = longer
  }
}

function kept({ leaseId, validUntilMs, ttlSeconds, term }: Alive, askedSeconds: number): Kept {
  return { kind: 'kept', leaseId, askedMs: askedSeconds * 1000, validUntilMs, ttlSeconds, term }
}

function seconds(ttlMs: Millis): number {
  return Math.max(1, Math.ceil(ttlMs / 1000))
}
