// The distributed store, as hactl needs it. Every write is guarded by what it was decided on; `refused` (somebody
// else got there, or the guard no longer holds) and `unreachable` (nobody answered, the outcome is unknown) are
// different answers and never mixed (spec/ha.md 1.7).

import type {
  ClusterStatus,
  ClusterView,
  FailoverRequest,
  HistoryLine,
  JsonObject,
  MemberRecord,
  SyncState,
} from '../model/cluster/cluster.ts'
import type { DrainNote } from '../model/cluster/drained-member.ts'
import type { FailsafeMembers } from '../model/cluster/failsafe.ts'
import type { Promotions } from '../model/cluster/promotions.ts'
import type { TakeoverNote } from '../model/cluster/takeover.ts'
import type { Seen } from '../model/seen.ts'
import type { BootMillis, LeaseId, MemberName, Millis, Revision } from '../model/units.ts'

export type WriteOutcome =
  | { readonly kind: 'done'; readonly revision: Revision }
  | { readonly kind: 'refused'; readonly why: string }
  | {
      readonly kind: 'unreachable'
      readonly why: string
      /** It was sent, and may still be carried out, even later. */
      readonly mayBeWritten?: boolean
    }

/** `validUntilMs`: boot-time instant before which etcd cannot have ended the lease, counted from before the request. */
export type LeaseOutcome =
  | {
      readonly kind: 'done'
      readonly leaseId: LeaseId
      /** The ttl that was asked for, which may be less than what etcd granted. */
      readonly ttlMs: Millis
      readonly validUntilMs: BootMillis
    }
  /** The lease is gone, or (for the leader) the key belongs to `holder`; null: nobody. */
  | { readonly kind: 'refused'; readonly holder: MemberName | null; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }

export interface StoreTimings {
  readonly ttlMs: Millis
  /** Total budget of one operation, over all endpoints and tries. */
  readonly retryTimeoutMs: Millis
}

export interface Store {
  /** The watch-fed view; unknown while the watch is not alive. It costs nothing, and is only a hint. */
  view(): Seen<ClusterView>
  /** A linearizable read of the whole prefix. */
  read(budgetMs: Millis): Promise<Seen<ClusterView>>
  /**
   * Called after each change of the view, with what changed (`leader`, `config`, `failover`, `members/x`, …). Returns
   * the function that stops this.
   */
  onChange(listener: (keys: readonly string[]) => void): () => void
  retime(timings: StoreTimings): void

  /** Makes or keeps alive this node's own lease (the member key hangs on it). */
  keepLease(budgetMs: Millis): Promise<LeaseOutcome>
  /** After a restart of the agent: go on with the lease that our leader key already hangs on. */
  adoptLease(leaseId: LeaseId, budgetMs: Millis): Promise<LeaseOutcome>
  /**
   * Keeps the own lease alive, then creates `leader` if it is absent and nobody has led since the caller looked: the
   * record of the last leader is still at `ifRevision` (null: absent). The same transaction writes that record, and the
   * note of whether this node is `guarded`.
   */
  acquireLeader(ifRevision: Revision | null, guarded: boolean, budgetMs: Millis): Promise<LeaseOutcome>
  /**
   * Keeps the own lease alive, then proves in one transaction that `leader` is ours and on this lease; the same
   * transaction writes `status` when given. Re-binds the key when it is ours on another lease.
   */
  renewLeader(status: ClusterStatus | null, budgetMs: Millis): Promise<LeaseOutcome>
  /** At the end of a bootstrap. The key must be absent here too: a node that has taken it meanwhile has won. */
  takeLeaderAfterBootstrap(ifRevision: Revision | null, budgetMs: Millis): Promise<LeaseOutcome>
  /** Deletes `leader` if it is ours, writing `status` first in the same transaction when given. */
  releaseLeader(status: ClusterStatus | null, budgetMs: Millis): Promise<WriteOutcome>

  /**
   * Only while the leader key is at `leaderRevision`, which is ours. `ifRevision` null: only if there is no such note.
   */
  noteGuard(
    guarded: boolean,
    ifRevision: Revision | null,
    leaderRevision: Revision,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Puts the key on the own lease; makes the lease when there is none. */
  publishMember(record: MemberRecord, budgetMs: Millis): Promise<WriteOutcome>
  /** `ifRevision` null: create only if absent; a number: replace only at that mod revision. */
  writeInitialize(value: string, ifRevision: Revision | null, budgetMs: Millis): Promise<WriteOutcome>
  deleteInitialize(ifRevision: Revision, budgetMs: Millis): Promise<WriteOutcome>
  writeConfig(document: JsonObject, ifRevision: Revision | null, budgetMs: Millis): Promise<WriteOutcome>
  /** `request` null writes `{}`. `ifRevision` null: only if nothing is asked for; undefined: whatever is there. */
  writeFailover(
    request: FailoverRequest | null,
    ifRevision: Revision | null | undefined,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Only while `leader` is ours; `status`, when given, is written in the same transaction. */
  writeHistory(
    lines: readonly HistoryLine[],
    status: ClusterStatus | null,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Only while `leader` is ours. `ifRevision` null: only if there is no content that can be read. */
  writeFailsafe(
    members: FailsafeMembers,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Only while `leader` is ours. */
  writeTakeovers(
    notes: readonly TakeoverNote[],
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Only while `leader` is ours. `state` null deletes the key. */
  writeSync(state: SyncState | null, ifRevision: Revision | null, budgetMs: Millis): Promise<WriteOutcome>
  /** Only while `leader` is ours. `ifRevision` null: only if no numbers are recorded. */
  writePromotions(
    promotions: Promotions,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Ends watch, streams and connections; bounded. */
  close(): Promise<void>
}

export type RemovalOutcome =
  /** Names below the cluster's prefix, sorted. */
  | { readonly kind: 'done'; readonly keys: readonly string[] }
  | Exclude<WriteOutcome, { readonly kind: 'done' }>

/** The writes that only operators' commands make. */
export interface CommandStore extends Store {
  /**
   * `note` null deletes the key. `ifRevision` null: only if the member is not drained; a number: only at that mod
   * revision.
   */
  writeDrain(
    member: MemberName,
    note: DrainNote | null,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** Every key of the cluster, if `leader` and `initialize` are what they were (null: absent). */
  removeAll(
    seen: { readonly leader: Revision | null; readonly initialize: Revision | null },
    budgetMs: Millis,
  ): Promise<RemovalOutcome>
}
