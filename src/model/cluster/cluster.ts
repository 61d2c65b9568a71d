// The keys in etcd below `/<namespace>/<scope>/`, read leniently (others write there too) and typed.
// Key names and JSON fields are Patroni 4.1's (spec/ha.md 1.2, 1.3); extra fields are kept in `extra`.

import type { Seen } from '../seen.ts'
import type { LeaseId, Lsn, MemberName, Revision, Timeline, WallMillis } from '../units.ts'
import type { Drain } from './drained-member.ts'
import type { GuardNote } from './guard.ts'
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
  /** Empty text while somebody bootstraps, afterwards the PostgreSQL system identifier. */
  readonly initialize: InitializeKey | null
  readonly config: Versioned<DynamicConfig> | null
  readonly leader: LeaderKey | null
  /**
   * Who took the leader key last: hactl's own key, which outlives the leader key. A value of null: it was given up in
   * good order.
   */
  readonly lastLeader: Versioned<MemberName | null> | null
  /**
   * What the leader last said of its guard: hactl's own key. null: nothing that can be read. Absent: not looked for.
   */
  readonly guard?: Versioned<GuardNote> | null
  /** Sorted by name. */
  readonly members: readonly Member[]
  readonly status: Versioned<ClusterStatus> | null
  readonly failover: Versioned<FailoverRequest> | null
  readonly history: Versioned<readonly HistoryLine[]> | null
  /** Why the leadership changed hands: hactl's own key. Absent: not looked for. */
  readonly takeovers?: Versioned<readonly TakeoverNote[]> | null
  readonly sync: Versioned<SyncState> | null
  /** Member name to api_url; null when absent or unreadable. */
  readonly failsafe: Versioned<Readonly<Record<string, string>>> | null
  /**
   * Keys that ask for something which nobody can read; of `failover` only, `config` tells so itself. Absent: not looked
   * for.
   */
  readonly unreadable?: readonly UnreadableKey[]
  /** Members that `hactl drain` drained, by name, also such as are gone. Absent: none. */
  readonly drains?: readonly Drain[]
}

/**
 * Nobody has the key, by the watch or a read: an election may begin at any moment, and only a proof says whose it is.
 */
export function leaderKeyIsGone(cluster: Seen<ClusterView>): boolean {
  return cluster.known && cluster.value.leader === null
}

export function memberNamed(view: ClusterView, name: MemberName | null): Member | null {
  return view.members.find(member => member.name === name) ?? null
}

export interface UnreadableKey {
  readonly key: 'failover'
  readonly modRevision: Revision
  /** One clause, without the text of the key. */
  readonly why: string
}

interface InitializeKey extends Versioned<string> {
  /** Lease that an empty one hangs on: of the node that creates the cluster. Absent: not known, or none. */
  readonly leaseId?: LeaseId
}

/** The `config` key. An unreadable document is kept as such: the last good one stays in force. */
export type DynamicConfig =
  | { readonly valid: true; readonly document: JsonObject }
  | { readonly valid: false; readonly why: string }

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

export interface LeaderKey {
  readonly name: MemberName
  /** Lease that the key hangs on; `0` when somebody wrote it without one. */
  readonly leaseId: LeaseId
  readonly modRevision: Revision
}

export interface Member {
  readonly name: MemberName
  readonly leaseId: LeaseId
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
}

/** Value of `failover`: with `leader` a switchover, with only `member` a manual failover. `{}` reads as null. */
export interface FailoverRequest {
  readonly leader: MemberName | null
  /** Key `member`: the candidate. */
  readonly candidate: MemberName | null
  readonly scheduledAt: { readonly text: string; readonly wallMs: WallMillis | null } | null
  /** What hactl notes beside these, for itself (Patroni ignores it). Absent: it was not made by hactl. */
  readonly note?: RequestNote
}

/** null: not said. */
export interface RequestNote {
  /** Tells one request from another with the same names. */
  readonly id: string | null
  /** Who asked, for people. */
  readonly by: string | null
  readonly atMs: WallMillis | null
  /** Whoever asked waits no longer: after this it is not begun. */
  readonly untilMs: WallMillis | null
  /** The leader that took it up: it cannot be withdrawn any more. */
  readonly begunBy: MemberName | null
}

/** One line of `history`: timeline that ended, where, why, when, and who led the next one. */
export interface HistoryLine {
  readonly timeline: Timeline
  readonly lsn: Lsn
  readonly reason: string
  readonly timestamp?: string
  readonly leader?: MemberName
  /** What another writer put behind these; kept as it is. */
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
