// Everything a decision may look at: the world as this node saw it, with one `now`. It holds no secret, no handle
// and no function, so that it can be journaled, pasted into an issue and replayed.

import type { ClusterView, HistoryLine } from '../cluster/cluster.ts'
import type { Divergence } from '../cluster/divergence.ts'
import type { PeerView } from '../cluster/peer.ts'
import type { Seen } from '../seen.ts'
import type { LoginView } from '../server/logins.ts'
import type { PostgresView, PostmasterIdentity, RecoverySettingsView } from '../server/postgres.ts'
import type { Tags } from '../settings/config.ts'
import type { ConfigurationView } from '../settings/configuration-view.ts'
import type { DynamicSettings } from '../settings/dynamic-settings.ts'
import type { BootMillis, LeaseId, MemberName, Millis, Revision, WallMillis } from '../units.ts'
import type { Order } from './order.ts'
import type { Outcome } from './outcome.ts'
import type { FinishedWork, Work } from './work.ts'

export interface Snapshot {
  /** Boot-time clock at the moment the snapshot was complete: the only "now" of a decision. */
  readonly nowMs: BootMillis
  /** Wall clock, for schedules only. */
  readonly wallMs: WallMillis
  readonly startedAtMs: BootMillis
  readonly self: Self
  readonly settings: DynamicSettings
  /** etcd's document, or that it has none, was seen by this process: the settings are not only what it found on its disk. */
  readonly settingsConfirmed: boolean
  /** Of etcd's document when it was last looked at for the settings; null: it was not yet, or etcd had none. */
  readonly configRevision: Revision | null
  /** Whether PostgreSQL and the HTTP API were given what is in force. */
  readonly configuration: ConfigurationView
  readonly cluster: Seen<ClusterView>
  readonly lease: LeaseView
  readonly postgres: PostgresView
  /** Recovery settings in force compared with what the wanted upstream needs; unknown on a primary. */
  readonly recovery: Seen<RecoverySettingsView>
  /** Answers of the peers asked in this beat; null: nobody was asked yet. */
  readonly peers: ReadonlyMap<MemberName, Seen<PeerView>> | null
  /** Comparison with the leader's timeline made in this beat; null: not made. */
  readonly divergence: Seen<Divergence> | null
  /** Own history file with reasons, on a primary beyond timeline 1. */
  readonly timelineHistory: Seen<readonly HistoryLine[]>
  readonly work: Work | null
  /** Work that ended since the last decision; shown once. */
  readonly finished: FinishedWork | null
  readonly fencer: {
    readonly alive: boolean
    readonly armedUntilMs: BootMillis | null
    readonly postmaster: PostmasterIdentity | null
    /** A fencer that a former agent armed may still stop PostgreSQL; also while that is not known. */
    readonly formerMayAct: boolean
  }
  /** Why the state directory takes nothing: no journal, no note of the fencer; null or absent: it does. */
  readonly stateUnwritable?: string | null
  /** What fresh logins came to that were tried beside the beats; absent: none were. */
  readonly logins?: readonly LoginView[]
  readonly stopRequested: boolean
  /** What somebody asked of this node and waits for; null or absent: nothing. */
  readonly order?: Order | null
  /** What this beat's actions came to, in order. */
  readonly outcomes: readonly Outcome[]
}

/** This node as configured. */
export interface Self {
  readonly name: MemberName
  readonly connUrl: string
  readonly apiUrl: string
  readonly proxyUrl: string | null
  readonly slot: string
  readonly tags: Tags
  readonly mayBootstrap: boolean
  readonly useRewind: boolean
  readonly removeDataOnRewindFailure: boolean
  readonly removeDataOnDivergedTimelines: boolean
  /** Which agent this is, in all of its lives: in its member key. Absent: not told apart. */
  readonly host?: string
  /** The host of `apiUrl` is this machine. */
  readonly apiIsHere?: boolean
  /** What every key of the cluster starts with, `/service/batman/`, for commands that an operator can copy. */
  readonly keyPrefix?: string
}

export interface LeaseView {
  readonly leaseId: LeaseId | null
  /** `ttl` that the lease was asked for; 0: there is none. */
  readonly ttlMs: Millis
  /** When the last successful renewal of the own lease was sent; 0: never. */
  readonly renewedAtMs: BootMillis
  /** Before this instant etcd cannot have ended our lease. */
  readonly validUntilMs: BootMillis
  /** Same, and the leader key was proved to be ours on that lease; 0: not leader. */
  readonly leaderUntilMs: BootMillis
}
