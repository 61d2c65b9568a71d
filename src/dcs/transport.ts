// What the store's facade (store.ts) needs from a store: leases, guarded transactions on keys, a read of the whole
// cluster and a watch. `etcd/` is the only transport; the interface also fits Consul and ZooKeeper (docs/adr/0018):
//
// - A lease is a session in both. Consul renews one (`validUntilMs` by the ttl that it was made with); ZooKeeper has
//   one for each connection, and grants what its server negotiates.
// - `commit` is one transaction: `/v1/txn` of Consul, `multi` of ZooKeeper. A guard by revision is their check of an
//   index or a version. Where a store cannot compare texts or leases, its transport reads the key first and guards by
//   what it has read.
// - `read` and `readAll` are linearizable: `?consistent` in Consul, `sync` before the read in ZooKeeper.
//
// Not every store can do all of it, and the answers say so in words that the facade knows:
//
// - A lease of an earlier process (`keepAlive` of one that this transport did not grant): ZooKeeper needs the session's
//   password, which died with that process. Such a lease is `gone`, and adopting it is refused: the key expires first.
// - A key on another node's lease (`Change.leaseId` of a lease that is not ours): Consul and ZooKeeper bind a key to
//   the session that writes it. Nothing needs that yet; code that does must manage where the transaction is refused.

import type { BootMillis, LeaseId, Millis, Revision } from '../model/units.ts'
import type { RemovalOutcome, StoreTimings } from '../ports/store.ts'
import type { Entry } from '../wire/cluster-view.ts'
import type { Entries } from './entries.ts'

/** For one operation of the facade, over all requests and tries. */
export interface Budget {
  readonly budgetMs: Millis
  readonly deadlineMs: BootMillis
}

/** A change of one key, by its relative name; a `text` of null deletes it. */
export interface Change {
  readonly key: string
  readonly text: string | null
  /** Absent: the key outlives its writer. */
  readonly leaseId?: LeaseId
}

export type Guard =
  | { readonly key: string; readonly absent: true }
  | { readonly key: string; readonly modRevision: Revision }
  | { readonly key: string; readonly text: string; readonly leaseId?: LeaseId }

/** Does the guard hold for the key as found? If not, it is the one that failed. */
export function holds(guard: Guard, standing: Entry | null): boolean {
  if ('absent' in guard) return standing === null
  if ('modRevision' in guard) return standing?.modRevision === guard.modRevision
  const onLease = guard.leaseId === undefined || standing?.leaseId === guard.leaseId
  return standing?.text === guard.text && onLease
}

export type Committed =
  | {
      readonly ok: true
      readonly succeeded: boolean
      /** The guarded key after the transaction; null when absent. */
      readonly entry: Entry | null
      readonly revision: Revision
      /** Of the store's own leader, agreed on by a quorum; compared with the term of a lease. */
      readonly term: string
      /** An earlier try may have been applied. */
      readonly unclear: boolean
    }
  | {
      readonly ok: false
      /** `not-taken`: the store answers but takes no such write (it is full, the text is too long). */
      readonly failure: 'lease-gone' | 'not-taken' | 'no-answer'
      readonly why: string
      readonly unclear: boolean
    }

export type LeaseAnswer =
  | {
      readonly kind: 'alive'
      readonly leaseId: LeaseId
      /** As granted, which may be more than what was asked for. */
      readonly ttlSeconds: number
      /** The earliest time the request was sent, plus the ttl: before that the store cannot have ended the lease. */
      readonly validUntilMs: BootMillis
      /**
       * Term of the store's leader, if it answered alone. A later transaction answered in the same term proves it: had
       * there been a newer leader by then, a quorum would have known a higher term. null: a quorum agreed.
       */
      readonly term: string | null
    }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreachable'; readonly why: string }

type RangeAnswer =
  | {
      readonly ok: true
      readonly entries: ReadonlyMap<string, Entry>
      /** Keys below `members/` that are there but not in `entries`. */
      readonly unread: number
      readonly revision: Revision
      readonly sentMs: BootMillis
    }
  | { readonly ok: false; readonly why: string }

export type WatchState =
  | { readonly alive: true; readonly atMs: BootMillis }
  | { readonly alive: false; readonly why: string }

/** Keys of the cluster by their relative names, such as `leader` or `members/pg1`. Never throws. */
export interface Transport {
  /** The store's name, for people. */
  readonly name: string
  grant(ttlSeconds: number, budget: Budget): Promise<LeaseAnswer>
  keepAlive(leaseId: LeaseId, budget: Budget): Promise<LeaseAnswer>
  /** All guards must hold; the answer is about the key of the first one. */
  commit(guard: Guard, changes: readonly Change[], budget: Budget, also: readonly Guard[]): Promise<Committed>
  /** One key. */
  read(key: string, budget: Budget): Promise<Committed>
  /** Every key that has a meaning; of too many members those that count (etcd/scope-read.ts). */
  readAll(budget: Budget): Promise<RangeAnswer>
  /** Deletes every key, also those of others, if these two are unchanged (null: absent). */
  removeAll(
    seen: { readonly leader: Revision | null; readonly initialize: Revision | null },
    budget: Budget,
  ): Promise<RemovalOutcome>
  readonly watch: {
    readonly state: WatchState
    /** Begins once; later calls do nothing. */
    start(): void
  }
  /** Bounded. */
  close(): Promise<void>
}

/** Passed in when a transport is opened: where its watch puts what it sees. */
export interface Sight {
  readonly entries: Entries
  readonly timings: () => StoreTimings
  /** Called after a change of the entries, and without keys when the watch ends or begins again. */
  readonly onChange: (keys: readonly string[]) => void
}
