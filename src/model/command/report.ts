// What operator commands report about a cluster: the typed results behind `--json` (pinned by test/commands/schemas)
// and behind the tables. Names and units are hactl's own; Patroni's column titles are in src/terminal.

import type { Json, JsonObject, RefusedKey } from '../cluster/cluster.ts'
import type { DrainNote } from '../cluster/drained-member.ts'
import type { Bytes, Lsn, MemberName, Timeline } from '../units.ts'

export interface ClusterReport {
  readonly cluster: string
  readonly namespace: string
  /** `initializing`: a node is bootstrapping it; `uninitialized`: no system identifier is recorded. */
  readonly state: 'initialized' | 'initializing' | 'uninitialized'
  readonly systemIdentifier: string | null
  readonly paused: boolean
  /** Holder of the leader key; the name may belong to no member key. */
  readonly leader: { readonly name: MemberName; readonly leaseId: string } | null
  /** The cluster's timeline by the history key; null when it is not known. */
  readonly timeline: Timeline | null
  /** The leader's last published position. */
  readonly leaderPosition: Position | null
  readonly synchronous: SynchronousReport
  readonly scheduledSwitchover: ScheduledSwitchover | null
  /** A switchover or failover, not a scheduled one, that no agent has finished yet. */
  readonly pendingRequest: PendingRequest | null
  /** Why a request in etcd cannot be honoured, until the leader has refused it; null: there is none. */
  readonly unreadableRequest: string | null
  /** How many keys below `members/` are no members. */
  readonly refusedMembers: number
  /** The first of these, and other keys that are too large to be read. */
  readonly refusedKeys: readonly RefusedKey[]
  /** Members that are not shown, because there are more of them than hactl takes up. */
  readonly leftOutMembers: number
  /** Drained members that are gone. */
  readonly drainedAway: readonly MemberName[]
  readonly members: readonly MemberReport[]
  /** Members whose key is gone but whose slot is kept, so that they can come back without a new copy. */
  readonly lostMembers: readonly LostMember[]
}

export interface SynchronousReport {
  readonly mode: 'off' | 'on' | 'quorum'
  readonly strict: boolean
  /** Standbys that each commit is to wait for. */
  readonly wanted: number
  readonly quorum: number
  readonly standbys: readonly MemberName[]
  /** How many of these each commit waits for. */
  readonly acknowledging: number
  /** What is not protected as it is wanted, as a clause; null: nothing. */
  readonly problem: string | null
}

export interface LostMember {
  /**
   * null: only the slot's name is known, which is the member's name without characters that a slot name cannot have.
   */
  readonly name: MemberName | null
  readonly slot: string
  /** When its key was last seen; null: no present member has seen it. */
  readonly since: string | null
  /** When its slot is dropped; null: not known. */
  readonly slotUntil: string | null
}

interface ScheduledSwitchover {
  readonly at: string
  readonly from: MemberName | null
  readonly to: MemberName | null
}

export interface PendingRequest {
  readonly action: 'switchover' | 'failover'
  readonly from: MemberName | null
  readonly to: MemberName | null
  /** Patroni's requests have none of the following fields. */
  readonly requestedBy: string | null
  readonly requestedAt: string | null
  /** After this no leader begins it. */
  readonly validUntil: string | null
  /** The leader that carries it out. */
  readonly begunBy: MemberName | null
}

/** A WAL position in both of its forms. */
export interface Position {
  readonly lsn: string
  readonly bytes: Lsn
}

export type ReportedRole = 'leader' | 'standby_leader' | 'sync_standby' | 'quorum_standby' | 'replica'

export interface MemberWarning {
  /** For programs, e.g. `open-api`. */
  readonly id: string
  readonly text: string
}

export interface MemberReport {
  readonly name: MemberName
  readonly role: ReportedRole
  /** The role that the member published itself. */
  readonly publishedRole: string
  /** The member's PostgreSQL: `running`, `stopped`, … */
  readonly state: string
  /**
   * The problem that hactl's agent reports, e.g. that the server rejects sessions or a leader is unguarded; null: none.
   */
  readonly problem: string | null
  /** Its code for programs, e.g. `no-access`; null: there is no problem, or the agent has no code for it. */
  readonly problemId: string | null
  /** What its configuration leaves open, as hactl's agent reports it. It is no reason to call the member unhealthy. */
  readonly warnings: readonly MemberWarning[]
  /** `streaming` or `in archive recovery`, if a standby reports it. */
  readonly replicationState: string | null
  readonly holdsLeaderKey: boolean
  readonly leaseId: string
  readonly host: string | null
  readonly port: number | null
  readonly apiUrl: string | null
  readonly version: string | null
  readonly timeline: Timeline | null
  readonly position: Position | null
  readonly lagBytes: Bytes | null
  readonly received: Position | null
  readonly receiveLagBytes: Bytes | null
  readonly replayed: Position | null
  readonly replayLagBytes: Bytes | null
  readonly paused: boolean
  readonly pendingRestart: boolean
  readonly pendingRestartReason: JsonObject | null
  readonly scheduledRestart: JsonObject | null
  readonly tags: Readonly<Record<string, Json>>
  /** `hactl drain`: who, when and why, as far as is known; null: it is not drained. */
  readonly drained: DrainNote | null
  /** It answered when it was asked directly; null: it was not asked. */
  readonly answers: boolean | null
  readonly answerError: string | null
  /** Progress while its data is copied, in whole percent; null: no copy, not asked, or not known. */
  readonly copiedPercent: number | null
}
