// Everything a decision may look at: the world as this node saw it, with one `now`. It holds no secret, no handle
// and no function, so that it can be journaled, pasted into an issue and replayed.

import type { ClusterView, HistoryLine } from '../cluster/cluster.ts'
import type { Divergence } from '../cluster/divergence.ts'
import type { Consent, Promises } from '../cluster/failsafe.ts'
import type { PeerView } from '../cluster/peer.ts'
import type { Seen } from '../seen.ts'
import type { LoginView } from '../server/logins.ts'
import type { PostgresView, PostmasterIdentity, RecoverySettingsView } from '../server/postgres.ts'
import type { VitalsView } from '../server/vitals.ts'
import type { Tags } from '../settings/config.ts'
import type { ConfigurationView } from '../settings/configuration-view.ts'
import type { DynamicSettings } from '../settings/dynamic-settings.ts'
import type { StoreKind } from '../store-words.ts'
import type { BootMillis, LeaseId, MemberName, Millis, Revision, WallMillis } from '../units.ts'
import type { OpenWatchdog, WatchdogSettings } from '../watchdog.ts'
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
  /** This process has seen etcd's document, or that there is none: the settings do not come from its own disk only. */
  readonly settingsConfirmed: boolean
  /** The revision of etcd's document that the settings were last read from; null: none was read, or etcd had none. */
  readonly configRevision: Revision | null
  /** Do PostgreSQL and the HTTP API have the configuration in force? */
  readonly configuration: ConfigurationView
  readonly cluster: Seen<ClusterView>
  readonly lease: LeaseView
  readonly postgres: PostgresView
  /** Recovery settings in force compared with what the wanted upstream needs; unknown on a primary. */
  readonly recovery: Seen<RecoverySettingsView>
  /** Answers of the peers that this beat has asked; null: none was asked yet. */
  readonly peers: ReadonlyMap<MemberName, Seen<PeerView>> | null
  /** The answers to the question of this beat whether this node may go on without the store; null: it did not ask. */
  readonly consent?: Consent | null
  /** What this node has promised to another one in failsafe mode; absent: nothing. */
  readonly promises?: Promises
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
    /** A fencer that an earlier agent armed may still stop PostgreSQL, or it is not known whether it may. */
    readonly formerMayAct: boolean
    /** The watchdog device as the fencer has it open; null or absent: it has not. */
    readonly watchdog?: OpenWatchdog | null
    /**
     * Why the required watchdog device could not be opened, as far as can be seen without opening it; null: it could.
     * Absent: none is required.
     */
    readonly device?: Seen<string | null>
  }
  /** Why the state directory cannot be written (journal, fencer's records); null or absent: it can. */
  readonly stateUnwritable?: string | null
  /** Results of the logins that were tried beside the beats; absent: none were tried. */
  readonly logins?: readonly LoginView[]
  /** Signs of life that were looked for beside the beats; absent: none were. */
  readonly vitals?: VitalsView
  readonly stopRequested: boolean
  /** An order to this node that a client waits for; null or absent: none. */
  readonly order?: Order | null
  /** The outcomes of this beat's actions, in order. */
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
  /** Identifies this agent across restarts, in its member key. Absent: not known. */
  readonly host?: string
  /** The host of `apiUrl` is this machine. */
  readonly apiIsHere?: boolean
  /** Codes of what its configuration leaves open to the network, for its member key. Absent: nothing. */
  readonly warnings?: readonly string[]
  /** The store that has the cluster's keys. */
  readonly store: StoreKind
  /** The prefix of the cluster's keys, `/service/batman/`, for commands that an operator can copy. */
  readonly keyPrefix?: string
  /** Absent: off. */
  readonly watchdog?: WatchdogSettings
}

export interface LeaseView {
  readonly leaseId: LeaseId | null
  /** The `ttl` that the lease was made with; 0: there is no lease. */
  readonly ttlMs: Millis
  /** When the last confirmed renewal of this node's lease was sent; 0: never. */
  readonly renewedAtMs: BootMillis
  /** Before this instant etcd cannot have ended this node's lease. */
  readonly validUntilMs: BootMillis
  /** The same, and the leader key is proved to hang on that lease; 0: this node does not lead. */
  readonly leaderUntilMs: BootMillis
  /**
   * Failsafe mode: before this instant no other member becomes the leader, because each has promised it; 0: they have
   * not, or the store has confirmed the lease since.
   */
  readonly membersUntilMs: BootMillis
  /** The open watchdog device resets the machine this long after it was fed; absent: none is open. */
  readonly resetAfterMs?: Millis
}
