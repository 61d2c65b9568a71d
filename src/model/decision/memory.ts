// What a node remembers between beats: an input and an output of every decision, journaled with it. Nothing that
// a rule depends on hides anywhere else.

import type { Member } from '../cluster/cluster.ts'
import type { Drain } from '../cluster/drained-member.ts'
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
import type { ScheduledRestart } from './order.ts'
import type { Job } from './work.ts'

export interface Memory {
  /** Since when the running server has answered nothing; null: it answers, starts, or does not run. */
  readonly silentSinceMs: BootMillis | null
  /** Role in which the server was last seen running: what an unanswering server is taken for. */
  readonly lastRole: 'primary' | 'standby' | null
  /** Who led last, by the leader key or by the record that outlives it, and the newest revision that told about it. */
  readonly lastLeader: MemberName | null
  readonly lastLeaderRevision: Revision | null
  /** When this node learned of it: what peers said before that says nothing about them now. */
  readonly leaderMovedAtMs: BootMillis | null
  /** Members of the last view that had a leader: who to ask in a race, even if their keys have expired. */
  readonly lastMembers: readonly Member[]
  /** The server was asked to promote and still recovers: that cannot be taken back, it may be a primary at any moment. */
  readonly promotionAsked: boolean
  /**
   * Leader whose timeline this node's data was last found to agree with; null: must be checked before following.
   * `untilLsn`: where the leader's history leaves our timeline; null when we are known to be on the leader's.
   */
  readonly agreesWith: Agreement | null
  /** Verdict of the last comparison: `diverged` stays until a rewind or a clone ended it. */
  readonly rejoin: 'check' | 'follow' | 'diverged' | 'rewind-failed'
  /** The comparison with this leader was made and did not tell; null: it told, or was not made. */
  readonly undecided: Undecided | null
  /** Nothing was received, and nothing replayed, since then, though this leader writes; null: it streams, or nobody led. */
  readonly starving: Starving | null
  /** Since when this leader writes and the node does not stream from it on its timeline; null: it does, or nobody writes. */
  readonly connecting: { readonly leader: MemberName; readonly sinceMs: BootMillis } | null
  /** Wall clock at which replay was first seen paused by hand; null: it is not. */
  readonly replayPausedSince: WallMillis | null
  /** Of `diverged`: what was written here after the leader's history left it; null: not known. */
  readonly surplus: { readonly fromLsn: Lsn; readonly sizeBytes: Bytes } | null
  /** Why a rewind was broken off half way: the data is a mixture of two histories since then. */
  readonly brokenRewind: string | null
  /** A single-user recovery was tried since the last successful start. */
  readonly crashRecoveryTried: boolean
  /** A bootstrap of ours is on its way, guarded by this revision of `initialize`. */
  readonly founding: Founding | null
  readonly handover: Handover | null
  /** The last request that this node refused, in its own words. */
  readonly refusedRequest: {
    readonly reason: string
    readonly atMs: BootMillis
    readonly wallMs: WallMillis
  } | null
  /** Where the last clean stop left the WAL; null once PostgreSQL was started again. */
  readonly stoppedAt: ShutdownPosition | null
  /** This agent stopped the server that ran last; false once one was seen again: whoever else stopped it has a reason. */
  readonly stoppedBySelf: boolean
  /** Failed attempts to bring PostgreSQL up since it last ran. */
  readonly startFailures: number
  /** How long the server that is starting may take: who asked for the restart said so. null: as configured. */
  readonly startLimitMs: Millis | null
  /** null: none. */
  readonly scheduledRestart: ScheduledRestart | null
  /** Last work that failed, so that it is not tried again at once. */
  readonly lastFailure: WorkFailure | null
  /** When this node last gave up the lease, so that it lets the others go first. */
  readonly releasedAtMs: BootMillis | null
  /** Since when nobody has held the lease; null: somebody does. */
  readonly leaderlessSinceMs: BootMillis | null
  /** This process has taken part in the cluster: the checks for adopting a foreign data directory are over. */
  readonly joined: boolean
  /** System identifier under which that was, once the control file could be read; another one in etcd later is a mistake, unless somebody else leads with it. */
  readonly joinedAs: string | null
  /** Took the lead while etcd held an identifier that is not ours: perhaps of another cluster. */
  readonly strangeLeader: MemberName | null
  /** Slots of members, also of those that went away, for a while. */
  readonly retainedSlots: readonly RetainedSlot[]
  /** The lease that a restarted agent found its leader key on and could not adopt. */
  readonly abandonedLease: LeaseId | null
  /** For how long the lease was made that a leader key of a former run hangs on, by the member key of that run; null: not known. */
  readonly foundKeyTtl: Millis | null
  /** The leader key was found with our name on a lease that is not ours: left by a former run, or written by somebody. */
  readonly leaderKeyInherited: boolean
  /** Etcd has taken the note of this process that nothing guards its server, and it has not been replaced since. */
  readonly notedUnguarded: boolean
  /** Since when the fencer could not be armed; null: it can. */
  readonly unfencedSinceMs: BootMillis | null
  /** An operator drained this node; null: nobody did, as far as was seen. */
  readonly drained: Drain | null
  /** null: somebody leads, and this node, if it leads, accepts writes. */
  readonly outage: Outage | null
  /** How this node came to lead, until that stands in etcd; null: nothing to note. */
  readonly takeover: (Takeover & { readonly atWall: WallMillis }) | null
  /** Since when etcd has not answered; null: it answers. */
  readonly blindSinceMs: BootMillis | null
  /** Maintenance mode was on when this node looked last. */
  readonly wasPaused: boolean
  /** The cluster in etcd has been seen at least once by this process. */
  readonly sawCluster: boolean
}

/** Nobody leads, or this node led and its server is down. */
export interface Outage {
  readonly sinceMs: BootMillis
  readonly formerLeader: MemberName
  /** A switchover, a stop in good order, maintenance. */
  readonly planned: boolean
  /** Nobody took the leader key away: it ended with its lease. */
  readonly leaseEnded: boolean
  /** What an operator asked for when it began; null or absent: nothing. */
  readonly request?: { readonly kind: 'switchover' | 'failover'; readonly by: string | null } | null
  /** The former leader's PostgreSQL was down, by its key. */
  readonly crashed?: boolean
  /** Where the former leader was, by what it last published. */
  readonly optime: Lsn | null
  /** Where this node is that may become leader. */
  readonly ownLsn: Lsn | null
  /** Wall clock of the last transaction that was replayed here. */
  readonly lastCommitMs: WallMillis | null
}

interface RetainedSlot {
  readonly slot: string
  readonly lastNeededMs: BootMillis
  /** The same for people: it stands in the leader's member key. */
  readonly lastNeededWall: WallMillis
  /** Whose it is; null: only the slot is known, from the `status` key, and not when its member went. */
  readonly member: MemberName | null
}

/** What is remembered when it fails: a job, or the arming of the fencer. */
export type FailedWork = Job['kind'] | 'arm-fencer'

export interface WorkFailure {
  readonly job: FailedWork
  readonly why: string
  readonly atMs: BootMillis
  /** Times in a row; absent: once. */
  readonly count?: number
  /** What somebody has to do before the same can succeed; absent: it may pass. */
  readonly remedy?: string
}

/** A comparison whose answer is that it cannot be told. */
interface Undecided {
  readonly leader: MemberName
  readonly why: string
  /** The WAL that would tell is gone; otherwise somebody did not answer. */
  readonly isLasting: boolean
  readonly tries: number
  readonly sinceMs: BootMillis
  /** Not asked again before. */
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
  /** null: the watch was down when the race was won, and it is not known. */
  readonly initializeRevision: Revision | null
  readonly stage: 'running' | 'ready' | 'failed'
  /** Why it failed: what fails after it does not hide the reason. */
  readonly why?: string
}

/** A planned switchover or manual failover from the moment the leader stops accepting writes. */
export interface Handover {
  readonly candidate: MemberName | null
  readonly startedAtMs: BootMillis
  readonly requestRevision: Revision
  /** Set once PostgreSQL is down: what the candidate must have received. */
  readonly position: ShutdownPosition | null
  readonly stoppedAtMs: BootMillis | null
}

export const FIRST_MEMORY: Memory = {
  silentSinceMs: null,
  lastRole: null,
  lastLeader: null,
  lastLeaderRevision: null,
  leaderMovedAtMs: null,
  lastMembers: [],
  promotionAsked: false,
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
  joined: false,
  joinedAs: null,
  strangeLeader: null,
  retainedSlots: [],
  abandonedLease: null,
  foundKeyTtl: null,
  leaderKeyInherited: false,
  notedUnguarded: false,
  unfencedSinceMs: null,
  drained: null,
  outage: null,
  takeover: null,
  blindSinceMs: null,
  wasPaused: false,
  sawCluster: false,
}
