// What operator commands say about a cluster: the typed results behind `--json` (test/commands/schemas pins them) and
// behind the tables. Names and units are hactl's own; Patroni's column titles live in src/terminal.

import type { Json, JsonObject } from '../cluster/cluster.ts'
import type { DrainNote } from '../cluster/drained-member.ts'
import type { Bytes, Lsn, MemberName, Timeline } from '../units.ts'

export interface ClusterReport {
  readonly cluster: string
  readonly namespace: string
  /** `initializing`: somebody bootstraps; `uninitialized`: no system identifier recorded. */
  readonly state: 'initialized' | 'initializing' | 'uninitialized'
  readonly systemIdentifier: string | null
  readonly paused: boolean
  /** Holder of the leader key; the name may belong to no member key. */
  readonly leader: { readonly name: MemberName; readonly leaseId: string } | null
  /** The cluster's timeline by the history key; null when it is not known. */
  readonly timeline: Timeline | null
  /** The leader's last published position. */
  readonly leaderPosition: Position | null
  readonly synchronous: {
    readonly mode: 'off' | 'on' | 'quorum'
    readonly quorum: number
    readonly standbys: readonly MemberName[]
  }
  readonly scheduledSwitchover: ScheduledSwitchover | null
  /** A switchover or failover without a schedule that no agent has finished yet. */
  readonly pendingRequest: PendingRequest | null
  /** Why a request in etcd cannot be honoured, until the leader has refused it; null: there is none. */
  readonly unreadableRequest: string | null
  /** Names of members that are gone, whose drain is still noted. */
  readonly drainedAway: readonly MemberName[]
  readonly members: readonly MemberReport[]
  /** Members whose key is gone while a slot is kept for them, so that they may come back without a new copy. */
  readonly lostMembers: readonly LostMember[]
}

export interface LostMember {
  /** null: only the name of the slot is known, which is that of the member with what a slot may not be named left out. */
  readonly name: MemberName | null
  readonly slot: string
  /** When its key was last there; null: nobody who is here saw it. */
  readonly since: string | null
  /** When its slot is dropped; null: the leader does not say. */
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
  /** What follows is not said in requests of Patroni. */
  readonly requestedBy: string | null
  readonly requestedAt: string | null
  /** After this nobody begins it. */
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

export interface MemberReport {
  readonly name: MemberName
  readonly role: ReportedRole
  /** The role that the member published itself. */
  readonly publishedRole: string
  /** The member's PostgreSQL: `running`, `stopped`, … */
  readonly state: string
  /** What hactl's agent says is wrong, e.g. that the server lets no session in, or that nothing guards a leader; null: nothing. */
  readonly problem: string | null
  /** The same for programs, e.g. `no-access`; null: nothing is wrong, or an agent said it that has no such word. */
  readonly problemId: string | null
  /** `streaming` or `in archive recovery` on a standby that says so. */
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
  /** By `hactl drain`: who, when and why, as far as is known; null: it is not drained. */
  readonly drained: DrainNote | null
  /** Asked directly: did it answer? null: it was not asked. */
  readonly answers: boolean | null
  readonly answerError: string | null
  /** While its data is copied, in whole percent; null: it is not, was not asked, or it is not known. */
  readonly copiedPercent: number | null
}
