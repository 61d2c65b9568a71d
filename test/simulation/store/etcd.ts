// One etcd, as its clients see it: a revision, keys, leases with a ttl by etcd's own clock, transactions. Unavailable
// means all of it; who cannot reach it is the network's business.

import type { IRequestOp } from 'etcd3'
import type { BootClock } from '../machine/boot-clock.ts'
import type { Random } from '../random.ts'
import type { Scheduler, Timer } from '../scheduler.ts'

export interface StoredKey {
  readonly text: string
  readonly leaseId: string
  readonly createRevision: number
  readonly modRevision: number
}

export interface KeyChange {
  readonly key: string
  /** null: deleted at `revision`. */
  readonly value: StoredKey | null
  readonly revision: number
}

export interface Compare {
  readonly key: string
  readonly holds: (value: StoredKey | null) => boolean
}

export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly text: string; readonly leaseId: string }
  | { readonly kind: 'delete'; readonly key: string }

export interface TxnAnswer {
  readonly succeeded: boolean
  readonly revision: number
  readonly term: string
  /** The key asked about, after the transaction. */
  readonly entry: StoredKey | null
}

interface HeldLease {
  readonly ttlSeconds: number
  readonly keys: Set<string>
  expiry: Timer
  expiresAtMs: number
}

export class EtcdError extends Error {}

export class Etcd {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #clock: BootClock
  readonly #keys = new Map<string, StoredKey>()
  readonly #leases = new Map<string, HeldLease>()
  readonly #listeners = new Set<(changes: readonly KeyChange[]) => void>()
  readonly #log: (readonly KeyChange[])[] = []
  #revision = 1
  #term = 2
  #nextLease = 7587000000000000001n
  #available: boolean = true

  constructor(scheduler: Scheduler, random: Random, clock: BootClock) {
    this.#scheduler = scheduler
    this.#random = random
    this.#clock = clock
  }

  get available(): boolean {
    return this.#available
  }

  get term(): string {
    return String(this.#term)
  }

  get revision(): number {
    return this.#revision
  }

  get(key: string): StoredKey | null {
    return this.#keys.get(key) ?? null
  }

  /** The key as it was at a revision. */
  getAt(key: string, revision: number): StoredKey | null {
    const now = this.get(key)
    if (this.#revision <= revision || (now !== null && now.modRevision <= revision)) return now
    for (const changes of this.#log.toReversed())
      for (const change of changes) if (change.key === key && change.revision <= revision) return change.value
    return null
  }

  all(): ReadonlyMap<string, StoredKey> {
    return this.#keys
  }

  onChange(listener: (changes: readonly KeyChange[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What was committed after `revision`, in order. */
  changesSince(revision: number): readonly (readonly KeyChange[])[] {
    const first = this.#log.findLastIndex(changes => (changes[0]?.revision ?? 0) <= revision)
    return this.#log.slice(first + 1)
  }

  /** No quorum: nothing is answered, and no lease ends. */
  goDown(): void {
    this.#available = false
    for (const lease of this.#leases.values()) lease.expiry.cancel()
  }

  /** A new raft leader gives every lease its whole ttl again. */
  comeUp(): void {
    if (this.#available) return
    this.#available = true
    this.#term++
    for (const [id, lease] of this.#leases) this.#extend(id, lease)
  }

  /** An election of etcd's own, too short to be noticed but by its term. */
  changeTerm(): void {
    this.#term++
    for (const [id, lease] of this.#leases) this.#extend(id, lease)
  }

  grant(ttlSeconds: number): { readonly id: string; readonly ttlSeconds: number } {
    const id = String(this.#nextLease++)
    const lease: HeldLease = { ttlSeconds, keys: new Set(), expiry: { cancel: () => {} }, expiresAtMs: 0 }
    this.#leases.set(id, lease)
    this.#extend(id, lease)
    return { id, ttlSeconds }
  }

  longestTtlSeconds(): number {
    return Math.max(0, ...[...this.#leases.values()].map(({ ttlSeconds }) => ttlSeconds))
  }

  /** 0: there is no such lease. */
  keepAlive(id: string): number {
    const lease = this.#leases.get(id)
    if (lease === undefined) return 0
    this.#extend(id, lease)
    return lease.ttlSeconds
  }

  /** `entry` of the answer is about the key of the first compare. */
  txn(compares: readonly Compare[], operations: readonly Operation[]): TxnAnswer {
    const succeeded = compares.every(({ key, holds }) => holds(this.get(key)))
    if (succeeded) this.#apply(operations)
    return { succeeded, revision: this.#revision, term: this.term, entry: this.get(compares[0]?.key ?? '') }
  }

  /** What an operator's etcdctl does. */
  put(key: string, text: string): void {
    this.#apply([{ kind: 'put', key, text, leaseId: '0' }])
  }

  putOnLease(key: string, text: string, leaseId: string): void {
    this.#apply([{ kind: 'put', key, text, leaseId }])
  }

  delete(key: string): void {
    this.#apply([{ kind: 'delete', key }])
  }

  #apply(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.kind === 'put' && operation.leaseId !== '0' && !this.#leases.has(operation.leaseId))
        throw new EtcdError('etcdserver: requested lease not found')
    }
    if (operations.length === 0) return
    const revision = this.#revision + 1
    const changes: KeyChange[] = []
    for (const operation of operations) {
      const before = this.#keys.get(operation.key)
      if (before === undefined && operation.kind === 'delete') continue
      if (before !== undefined) this.#leases.get(before.leaseId)?.keys.delete(operation.key)
      if (operation.kind === 'delete') {
        this.#keys.delete(operation.key)
        changes.push({ key: operation.key, value: null, revision })
        continue
      }
      const { key, text, leaseId } = operation
      const value = {
        text,
        leaseId,
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
      }
      this.#keys.set(key, value)
      this.#leases.get(leaseId)?.keys.add(key)
      changes.push({ key, value, revision })
    }
    if (changes.length === 0) return
    this.#revision = revision
    this.#log.push(changes)
    for (const listener of [...this.#listeners]) listener(changes)
  }

  #extend(id: string, lease: HeldLease): void {
    lease.expiry.cancel()
    const ttlMs = this.#clock.virtualMs(lease.ttlSeconds * 1000)
    lease.expiresAtMs = this.#scheduler.nowMs + ttlMs
    // etcd looks for expired leases twice a second.
    lease.expiry = this.#scheduler.after(ttlMs + this.#random.below(500), () => this.#expire(id, lease))
  }

  #expire(id: string, lease: HeldLease): void {
    this.#leases.delete(id)
    this.#apply([...lease.keys].map(key => ({ kind: 'delete' as const, key })))
  }
}

/** The form in which the store's transactions come, as far as they use it. */
export function operationOf(operation: IRequestOp): Operation | null {
  if (operation.request_put !== undefined) {
    const { key, value, lease } = operation.request_put
    return { kind: 'put', key: String(key), text: String(value), leaseId: String(lease ?? '0') }
  }
  if (operation.request_delete_range !== undefined)
    return { kind: 'delete', key: String(operation.request_delete_range.key) }
  return null
}
