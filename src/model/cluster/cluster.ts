// The keys of a cluster in etcd, below `/<namespace>/<scope>/`, read leniently (others write there too) and typed.
// Key names and JSON fields are those of Patroni 4.1 (spec/ha.md 1.2, 1.3); extra fields are kept in `extra`.

import type { Seen } from '../seen.ts'
import type { LeaseId, Lsn, MemberName, Revision, Timeline, WallMillis } from '../units.ts'
import type { Drain } from './drained-member.ts'
import type { FailsafeMembers } from './failsafe.ts'
import type { GuardNote } from './guard.ts'
import type { Promotions } from './promotions.ts'
import type { TakeoverNote } from './takeover.ts'

/** A key's value with the revision that a guarded write must name. */
export interface Versioned<T> {
  readonly value: T
  readonly modRevision: Revision
}

export interface ClusterView {
  /** Store revision at which this view was true. */
  readonly revision: Revision
  /** `read`: a linearizable range read; `watch`: fed by the watch, a hint that may be late. */
  readonly source: 'read' | 'watch'
  /** Empty while a node bootstraps the cluster, afterwards the PostgreSQL system identifier. */
  readonly initialize: InitializeKey | null
  readonly config: Versioned<DynamicConfig> | null
  readonly leader: LeaderKey | null
  /**
   * The last leader: hactl's own key, which outlives the leader key. A value of null: the leader released it in good
   * order.
   */
  readonly lastLeader: Versioned<MemberName | null> | null
  /** The leader's last note about its guard: hactl's own key. null: none that can be read. Absent: not looked for. */
  readonly guard?: Versioned<GuardNote> | null
  /** Sorted by name. */
  readonly members: readonly Member[]
  readonly status: Versioned<ClusterStatus> | null
  readonly failover: Versioned<FailoverRequest> | null
  readonly history: Versioned<readonly HistoryLine[]> | null
  /** Why the leadership changed hands: hactl's own key. Absent: not looked for. */
  readonly takeovers?: Versioned<readonly TakeoverNote[]> | null
  /** The timeline numbers that were handed out: hactl's own key. null: none that can be read. Absent: not looked for. */
  readonly promotions?: Versioned<Promotions> | null
  readonly sync: Versioned<SyncState> | null
  /** Member name to api_url; null when absent or unreadable. */
  readonly failsafe: Versioned<FailsafeMembers> | null
  /**
   * Keys whose request cannot be read: only `failover`, as `config` has its own form for that. Absent: not looked for.
   */
  readonly unreadable?: readonly UnreadableKey[]
  /** How many keys below `members/` are no members. Absent: none. */
  readonly refusedMembers?: number
  /** The first of these, and of other keys that are too large to be read. Absent: none. */
  readonly refusedKeys?: readonly RefusedKey[]
  /** How many members are not in `members`, because there are more than a view shows. Absent: none. */
  readonly leftOutMembers?: number
  /** Members drained by `hactl drain`, sorted by name, including those that are gone. Absent: none. */
  readonly drains?: readonly Drain[]
}

/**
 * The view shows no leader key: an election may begin at any moment, and only etcd's answer to a write proves who
 * leads.
 */
export function leaderKeyIsGone(cluster: Seen<ClusterView>): boolean {
  return cluster.known && cluster.value.leader === null
}

export function memberNamed(view: ClusterView, name: MemberName | null): Member | null {
  return view.members.find(member => member.name === name) ?? null
}

export interface RefusedKey {
  /** Relative, cut after 100 characters; as it is in etcd, with whatever characters. */
  readonly key: string
  /** One clause. */
  readonly why: string
}

export interface UnreadableKey {
  readonly key: 'failover'
  readonly modRevision: Revision
  /** One clause, without the text of the key. */
  readonly why: string
}

interface InitializeKey extends Versioned<string> {
  /** The lease that an empty key hangs on: that of the node that creates the cluster. Absent: not known; null: none. */
  readonly leaseId?: LeaseId | null
}

/** The `config` key. An unreadable document is marked as such, and the last good one stays in force. */
export type DynamicConfig =
  | { readonly valid: true; readonly document: JsonObject }
  | { readonly valid: false; readonly why: string }

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

export interface LeaderKey {
  readonly name: MemberName
  /** Lease that the key hangs on; null when somebody wrote it without one. */
  readonly leaseId: LeaseId | null
  readonly modRevision: Revision
}

export interface Member {
  readonly name: MemberName
  readonly leaseId: LeaseId | null
  readonly modRevision: Revision
  readonly record: MemberRecord
}

/** Value of `members/<name>`. Absent optional fields are absent, not null. Positions are bytes. */
export interface MemberRecord {
  readonly connUrl: string | null
  readonly apiUrl: string | null
  readonly state: PostgresState | string
  readonly role: Role | string
  /** Agent protocol version, dotted integers; hactl publishes the Patroni version whose protocol it speaks. */
  readonly version: string | null
  readonly proxyUrl?: string
  /** `false` while a new leader has not finished the checkpoint after its promotion; absent otherwise. */
  readonly checkpointAfterPromote?: false
  readonly tags: JsonObject
  readonly pendingRestart?: boolean
  readonly pendingRestartReason?: JsonObject
  readonly xlogLocation?: Lsn
  readonly receiveLsn?: Lsn
  readonly replayLsn?: Lsn
  readonly replicationState?: string
  readonly timeline?: Timeline
  readonly scheduledRestart?: JsonObject
  readonly pause?: boolean
  /** Everything else that the key held, e.g. hactl's own `hactl` object. */
  readonly extra: JsonObject
}

/** Value of `status`. */
export interface ClusterStatus {
  readonly optime: Lsn | null
  readonly slots: Readonly<Record<string, Lsn>> | null
  readonly retainSlots: readonly string[] | null
  /** hactl's own field: slots of members that have not streamed yet. Absent: none. */
  readonly newcomerSlots?: readonly string[]
}

/** Value of `failover`: with `leader` a switchover, with only `member` a manual failover. `{}` reads as null. */
export interface FailoverRequest {
  readonly leader: MemberName | null
  /** Key `member`: the candidate. */
  readonly candidate: MemberName | null
  readonly scheduledAt: { readonly text: string; readonly wallMs: WallMillis | null } | null
  /** Extra fields of hactl, which Patroni ignores. Absent: the request does not come from hactl. */
  readonly note?: RequestNote
}

/** null: the request does not say. */
export interface RequestNote {
  /** Distinguishes requests that name the same members. */
  readonly id: string | null
  /** Who asked, for people. */
  readonly by: string | null
  readonly atMs: WallMillis | null
  /** After this nobody waits for the request any more, and it is not begun. */
  readonly untilMs: WallMillis | null
  /** The leader that has claimed the request: it can no longer be withdrawn. */
  readonly begunBy: MemberName | null
}

/** One line of `history`: the timeline that ended, where, why and when, and the leader of the next one. */
export interface HistoryLine {
  readonly timeline: Timeline
  readonly lsn: Lsn
  readonly reason: string
  readonly timestamp?: string
  readonly leader?: MemberName
  /** Further fields of another writer, kept as they are. */
  readonly more?: readonly Json[]
}

export interface SyncState {
  readonly leader: MemberName | null
  readonly quorum: number
  readonly standbys: readonly MemberName[]
}

/** Member states on the wire; the position in this list is the `/metrics` value and never changes. */
export const POSTGRES_STATES = [
  'initializing new cluster',
  'initdb failed',
  'running custom bootstrap script',
  'custom bootstrap failed',
  'creating replica',
  'running',
  'starting',
  'starting after custom bootstrap',
  'start failed',
  'restarting',
  'restart failed',
  'stopping',
  'stopped',
  'stop failed',
  'crashed',
] as const
export type PostgresState = (typeof POSTGRES_STATES)[number]

export type Role = 'primary' | 'replica' | 'standby_leader' | 'demoted' | 'promoted' | 'uninitialized'
