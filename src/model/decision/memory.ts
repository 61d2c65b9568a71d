// What a node remembers between beats: an input and an output of every decision, journaled with it. Rules depend on no
// other hidden state.

import type { Member } from '../cluster/cluster.ts'
import type { Drain } from '../cluster/drained-member.ts'
import { type FailsafeMemory, NO_FAILSAFE_MEMORY } from '../cluster/failsafe.ts'
import type { Takeover } from '../cluster/takeover.ts'
import type { ShutdownPosition } from '../server/progress.ts'
import type {
  BootMillis,
  Bytes,
  LeaseId,
  Lsn,
  MemberName,
  Millis,
  Revision,
  Timeline,
  WallMillis,
} from '../units.ts'
import type { WatchdogFailure } from '../watchdog.ts'
import type { LastFailover } from './last-failover.ts'
import type { ScheduledRestart } from './order.ts'
import type { SyncMemory } from './sync-memory.ts'
import type { Job } from './work.ts'

export interface Memory {
  /** Since when the running server has answered nothing; null: it answers, starts, or does not run. */
  readonly silentSinceMs: BootMillis | null
  /** This leader's server was stopped because it could not be used: another member may take over. null: it was not. */
  readonly yields: { readonly why: string } | null
  /** When a hung server was last stopped with nobody to take over, a stalled agent last handed over, or last asked; null: never. */
  readonly hungRestartAtMs: BootMillis | null
  readonly stalledHandoverAtMs: BootMillis | null
  readonly stallsAskedAtMs: BootMillis | null
  /** Role in which the server was last seen running: a server that does not answer counts as that. */
  readonly lastRole: 'primary' | 'standby' | null
  /** The last leader, by the leader key or the record that outlives it, with the newest revision of either. */
  readonly lastLeader: MemberName | null
  readonly lastLeaderRevision: Revision | null
  /** When this node saw that change: older answers of peers prove nothing about them now. */
  readonly leaderMovedAtMs: BootMillis | null
  /** Members of the last view that had a leader: a race asks them even if their keys have expired. */
  readonly lastMembers: readonly Member[]
  /**
   * The server was asked to promote and is still in recovery: it cannot be taken back, and may be a primary at any
   * moment.
   */
  readonly promotionAsked: boolean
  /** The timeline number that etcd has recorded for the promotion that is about to begin; null: none was asked for. */
  readonly promotesTo: Timeline | null
  /**
   * The leader whose history this node's data was last found to agree with; null: compare before following.
   * `untilLsn`: where the leader's history leaves the local timeline; null: the node is on the leader's timeline.
   */
  readonly agreesWith: Agreement | null
  /** Verdict of the last comparison: `diverged` stays until a rewind or a clone has succeeded. */
  readonly rejoin: 'check' | 'follow' | 'diverged' | 'rewind-failed'
  /** The comparison with this leader had no result; null: it had one, or was not made. */
  readonly undecided: Undecided | null
  /** Since when nothing was received or replayed although this leader writes; null: the node streams, or nobody led. */
  readonly starving: Starving | null
  /** Since when this leader writes and the node does not stream its timeline; null: it does, or nobody writes. */
  readonly connecting: { readonly leader: MemberName; readonly sinceMs: BootMillis } | null
  /** Wall clock at which replay was first seen paused by hand; null: it is not. */
  readonly replayPausedSince: WallMillis | null
  /** For `diverged`: the WAL that was written here after the histories parted; null: not known. */
  readonly surplus: { readonly fromLsn: Lsn; readonly sizeBytes: Bytes } | null
  /** Why a rewind did not finish: since then the data is a mixture of two histories. */
  readonly brokenRewind: string | null
  /** A single-user recovery was tried since the last successful start. */
  readonly crashRecoveryTried: boolean
  /** A bootstrap by this node is in progress, guarded by this revision of `initialize`. */
  readonly founding: Founding | null
  readonly handover: Handover | null
  /** The last request that this node refused, with its reason. */
  readonly refusedRequest: {
    readonly reason: string
    readonly atMs: BootMillis
    readonly wallMs: WallMillis
  } | null
  /** Where the WAL ended at the last clean stop; null once PostgreSQL was started again. */
  readonly stoppedAt: ShutdownPosition | null
  /**
   * This agent stopped the server that ran last; false once a server was seen again. Any other stop was somebody's
   * choice.
   */
  readonly stoppedBySelf: boolean
  /** Failed attempts to bring PostgreSQL up since it last ran. */
  readonly startFailures: number
  /** How long the current start may take, by the request for the restart; null: as configured. */
  readonly startLimitMs: Millis | null
  /** null: none. */
  readonly scheduledRestart: ScheduledRestart | null
  /** Last work that failed, so that it is not tried again at once. */
  readonly lastFailure: WorkFailure | null
  /** When this node last released the lease, so that it lets the others go first. */
  readonly releasedAtMs: BootMillis | null
  /** Since when nobody has held the lease; null: somebody does. */
  readonly leaderlessSinceMs: BootMillis | null
  /** For `primary_race_backoff`: where this standby was when nobody led first; null: not set, or somebody leads. */
  readonly raceBackoff: {
    readonly sinceMs: BootMillis
    readonly position: Lsn
    /** When WAL came last since then; null: none came. */
    readonly movedAtMs: BootMillis | null
  } | null
  /** This process has taken part in the cluster: the checks for adopting a foreign data directory are over. */
  readonly joined: boolean
  /** The system identifier that it joined with. Another one in etcd later is a mistake, unless a new leader has it. */
  readonly joinedAs: string | null
  /**
   * A leader that was elected while etcd held another identifier than this node's data: it may lead another cluster.
   */
  readonly strangeLeader: MemberName | null
  /** Slots of members and, for a while, of members that are gone. */
  readonly retainedSlots: readonly RetainedSlot[]
  /** The lease that a restarted agent found its leader key on and could not adopt. */
  readonly abandonedLease: LeaseId | null
  /**
   * The ttl of the lease that the leader key of an earlier run hangs on, from that run's member key; null: not known.
   */
  readonly foundKeyTtl: Millis | null
  /** The leader key had this node's name on another lease: left by an earlier run, or written by hand. */
  readonly leaderKeyInherited: boolean
  /** This process has noted in etcd that nothing guards its server, and the note has not been replaced since. */
  readonly notedUnguarded: boolean
  /** Since when the fencer could not be armed; null: it can. */
  readonly unfencedSinceMs: BootMillis | null
  /** The watchdog device could not be opened as was asked then; null: it could, or this was not tried. */
  readonly watchdogFailure: WatchdogFailure | null
  /** An operator drained this node; null: not drained, as far as is known. */
  readonly drained: Drain | null
  /** null: somebody leads, and this node, if it leads, accepts writes. */
  readonly outage: Outage | null
  /** How this node became the leader, until etcd has the note; null: nothing to note. */
  readonly takeover: (Takeover & { readonly atWall: WallMillis }) | null
  /** The automatic failover that holds the next one back, and when this node saw its note first; null: none. */
  readonly lastFailover: LastFailover | null
  /** Since when etcd has not answered; null: it answers. */
  readonly blindSinceMs: BootMillis | null
  /** Synchronous mode, on a running primary. null: it is off, or this node is no primary. */
  readonly sync: SyncMemory | null
  /**
   * Since when this standby asks its primary to wait for it no longer, because it is about to stop; null: it does not ask.
   */
  readonly leavingSyncSinceMs: BootMillis | null
  readonly failsafe: FailsafeMemory
  /** Maintenance mode was on at the last look. */
  readonly wasPaused: boolean
  /** The cluster in etcd has been seen at least once by this process. */
  readonly sawCluster: boolean
}

/** An outage: nobody leads, or this node led and its server is down. */
export interface Outage {
  readonly sinceMs: BootMillis
  readonly formerLeader: MemberName
  /** It began with a switchover, a stop in good order or maintenance. */
  readonly planned: boolean
  /** The leader key was not deleted: it ended with its lease. */
  readonly leaseEnded: boolean
  /** The operator's request that caused it; null or absent: none. */
  readonly request?: { readonly kind: 'switchover' | 'failover'; readonly by: string | null } | null
  /** The former leader's member key said that its PostgreSQL was down; or that it hung, or its disk failed. */
  readonly crashed?: boolean
  readonly unusable?: boolean
  /** The last position that the former leader published. */
  readonly optime: Lsn | null
  /** This node's own position before a promotion. */
  readonly ownLsn: Lsn | null
  /** Commit time of the last transaction that was replayed here. */
  readonly lastCommitMs: WallMillis | null
}

export interface RetainedSlot {
  readonly slot: string
  readonly lastNeededMs: BootMillis
  /** The same for people, for the leader's member key. */
  readonly lastNeededWall: WallMillis
  /** The slot's member; null: only the slot is known, from the `status` key, and not when its member left. */
  readonly member: MemberName | null
  /**
   * The member has never streamed, as far as is known: since when it, or a base backup, was seen first or last, respectively.
   * Absent: it has.
   */
  readonly newcomerSinceMs?: BootMillis
}

/** Work whose failure is remembered: a job, the arming of the fencer, the opening of the watchdog device. */
export type FailedWork = Job['kind'] | 'arm-fencer' | 'open-watchdog'

export interface WorkFailure {
  readonly job: FailedWork
  readonly why: string
  readonly atMs: BootMillis
  /** How many times in a row; absent: once. */
  readonly count?: number
  /** What a person has to do before it can succeed; absent: the cause may pass by itself. */
  readonly remedy?: string
}

/** A comparison without a result. */
interface Undecided {
  readonly leader: MemberName
  readonly why: string
  /** The WAL that would show it is gone; otherwise a server did not answer. */
  readonly isLasting: boolean
  readonly tries: number
  readonly sinceMs: BootMillis
  /** The comparison is not repeated before this instant. */
  readonly retryAtMs: BootMillis
}

interface Agreement {
  readonly leader: MemberName
  readonly timeline: Timeline
  readonly untilLsn: Lsn | null
}

interface Starving {
  readonly leader: MemberName
  readonly sinceMs: BootMillis
  readonly sinceWall: WallMillis
  readonly replayLsn: Lsn | null
}

/** A bootstrap of this node. */
export interface Founding {
  /** null: not known, because the watch was down when the race was won. */
  readonly initializeRevision: Revision | null
  readonly stage: 'running' | 'ready' | 'failed'
  /** Why it failed: later failures do not hide this. */
  readonly why?: string
}

/** From the moment when the leader stops accepting writes. `requestRevision`: of the request; null: nobody asked for it. */
export interface Handover {
  readonly candidate: MemberName | null
  readonly startedAtMs: BootMillis
  readonly requestRevision: Revision | null
  /** Set once PostgreSQL is down: the position that the candidate must have received. */
  readonly position: ShutdownPosition | null
  readonly stoppedAtMs: BootMillis | null
}

export const FIRST_MEMORY: Memory = {
  silentSinceMs: null,
  yields: null,
  hungRestartAtMs: null,
  stalledHandoverAtMs: null,
  stallsAskedAtMs: null,
  lastRole: null,
  lastLeader: null,
  lastLeaderRevision: null,
  leaderMovedAtMs: null,
  lastMembers: [],
  promotionAsked: false,
  promotesTo: null,
  agreesWith: null,
  rejoin: 'check',
  undecided: null,
  starving: null,
  connecting: null,
  replayPausedSince: null,
  surplus: null,
  brokenRewind: null,
  crashRecoveryTried: false,
  founding: null,
  handover: null,
  refusedRequest: null,
  stoppedAt: null,
  stoppedBySelf: false,
  startFailures: 0,
  startLimitMs: null,
  scheduledRestart: null,
  lastFailure: null,
  releasedAtMs: null,
  leaderlessSinceMs: null,
  raceBackoff: null,
  joined: false,
  joinedAs: null,
  strangeLeader: null,
  retainedSlots: [],
  abandonedLease: null,
  foundKeyTtl: null,
  leaderKeyInherited: false,
  notedUnguarded: false,
  unfencedSinceMs: null,
  watchdogFailure: null,
  drained: null,
  outage: null,
  takeover: null,
  lastFailover: null,
  blindSinceMs: null,
  sync: null,
  leavingSyncSinceMs: null,
  failsafe: NO_FAILSAFE_MEMORY,
  wasPaused: false,
  sawCluster: false,
}
