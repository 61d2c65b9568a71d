// What a look at the local PostgreSQL saw: its data directory, its process, and, when it answers, the server.
// Source of the queries and of the control-file states: spec/postgres.md 1.13, 1.16.

import type { Seen } from '../seen.ts'
import type { BootMillis, Lsn, Timeline } from '../units.ts'
import type { Origins } from './origins.ts'

export interface PostgresView {
  readonly dataDirectory: DataDirectoryView
  readonly process: ProcessView
  /** Answer of the one monitoring query of this beat; unknown when the server does not answer. */
  readonly server: Seen<ServerView>
  readonly former: FormerView
  /**
   * synchronous_standby_names as hactl's own file sets it; null: the file sets nothing. Unknown: it cannot be read, or
   * is being written. Absent: not looked for.
   */
  readonly syncFile?: Seen<string | null>
}

/** Servers that earlier agents of this node may have left, wherever their data directory is now. */
export interface FormerView {
  /**
   * Server processes of this node that do not belong to `process`: each may accept writes. Unknown: `/proc` could not
   * be searched, or no record says which server ran here last, so that finding none proves nothing.
   */
  readonly orphans: Seen<readonly Orphan[]>
  /** The data directory is the one that the last server worked in. Unknown: no record says which that was. */
  readonly sameData: Seen<boolean>
  /** Where the server of `process` works, if another directory has the configured name now; null: none has. */
  readonly runsOutside: Seen<string | null>
}

export interface Orphan extends PostmasterIdentity {
  /** Its working directory, as `/proc` shows it. */
  readonly directory: string
}

export type DataDirectoryView =
  /** `obstacle`: why initdb and pg_basebackup cannot create anything there. */
  | { readonly kind: 'empty'; readonly obstacle?: string }
  | { readonly kind: 'inaccessible'; readonly why: string }
  | {
      readonly kind: 'present'
      /**
       * Major version number as `PG_VERSION` * 10000; null when the file is unreadable (nothing may be written then).
       */
      readonly majorVersion: number | null
      readonly control: Seen<ControlData>
      /** standby.signal or recovery.signal exists. */
      readonly recoveryConfigured: boolean
      readonly backupLabel: boolean
      /** Work that was begun on it and not finished. If that cannot be read, the directory is `inaccessible`. */
      readonly unfinished: Unfinished | null
      /** Text of `<pg_wal>/<timeline>.history` of the control file's newest timeline, parsed; [] on timeline 1. */
      readonly history: Seen<readonly TimelineSwitch[]>
      /** This node's notes about its timelines; a value of null: none. Absent: not looked for. */
      readonly origins?: Seen<Origins | null>
    }

/**
 * `bootstrap`: a new cluster was being created, and no other member knows its data. `copy`: part of a base backup,
 * without a control file. `rewind`: a mixture of two histories that looks like a clean data directory.
 */
export type Unfinished = 'bootstrap' | 'copy' | 'rewind'

/** A line of a PostgreSQL history file: `timeline` was left at `lsn` for the next one. */
export interface TimelineSwitch {
  readonly timeline: Timeline
  readonly lsn: Lsn
}

export type ClusterStateText =
  | 'starting up'
  | 'shut down'
  | 'shut down in recovery'
  | 'shutting down'
  | 'in crash recovery'
  | 'in archive recovery'
  | 'in production'
  | string

export interface ControlData {
  readonly systemIdentifier: string
  readonly state: ClusterStateText
  readonly checkpointLsn: Lsn
  readonly checkpointTimeline: Timeline
  readonly minRecoveryLsn: Lsn
  readonly minRecoveryTimeline: Timeline
  /** pg_rewind needs one of the two. */
  readonly walLogHints: boolean
  readonly dataChecksums: boolean
  /**
   * A copy not yet replayed to its end: until then the server accepts no connection. Absent: none, or a running server.
   */
  readonly unfinishedBackup?: boolean
  readonly settings: {
    readonly maxConnections: number | null
    readonly maxWorkerProcesses: number | null
    readonly maxWalSenders: number | null
    readonly maxPreparedTransactions: number | null
    readonly maxLocksPerTransaction: number | null
  }
}

export type ProcessView =
  | { readonly kind: 'stopped' }
  /** A postmaster runs in this node's data directory. `readiness` is pg_isready's answer, or `unknown`. */
  | {
      readonly kind: 'running'
      readonly identity: PostmasterIdentity
      readonly readiness: 'accepting' | 'rejecting' | 'no-response' | 'unknown'
      /** Since when this agent has seen this readiness. */
      readonly sinceMs: BootMillis
    }

/** A pid alone is not an identity: pids are reused. `startTicks` is field 22 of /proc/<pid>/stat. */
export interface PostmasterIdentity {
  readonly pid: number
  readonly startTicks: string
}

export interface ServerView {
  readonly version: number
  readonly inRecovery: boolean
  /**
   * Primary: timeline of the WAL being written; standby: received timeline, else IDENTIFY_SYSTEM; null: not available.
   */
  readonly timeline: Timeline | null
  /** Primary: flush position; standby: greater of received and replayed. */
  readonly position: Lsn
  readonly receiveLsn: Lsn | null
  readonly replayLsn: Lsn | null
  readonly replayPaused: boolean
  /** Settings that must not be smaller on a standby than on the primary. Absent: not queried. */
  readonly inForce?: ControlData['settings']
  readonly replayTimestamp: string | null
  readonly walReceiver: WalReceiver | null
  readonly restoreCommandSet: boolean
  /**
   * Timeline of the last checkpoint in the control file: equal to `timeline` once the checkpoint after a promotion is
   * done.
   */
  readonly controlTimeline: Timeline | null
  readonly startTime: string
  /** Without temporary ones. */
  readonly slots: readonly SlotView[]
  /** max_replication_slots, and how many temporary ones there are (a base backup has one). Absent: not queried. */
  readonly slotRoom?: { readonly max: number; readonly temporary: number }
  readonly replication: readonly WalSenderView[]
  /** The settings in force of synchronous replication. Absent: not queried. */
  readonly synchronous?: { readonly standbyNames: string; readonly commit: string }
  readonly pendingRestart: Readonly<Record<string, { readonly oldValue: string; readonly newValue: string }>>
}

export interface WalReceiver {
  readonly status: string
  readonly receivedTimeline: Timeline | null
  readonly latestEndLsn: Lsn | null
}

export interface SlotView {
  readonly name: string
  readonly kind: 'physical' | 'logical'
  readonly active: boolean
  readonly restartLsn: Lsn | null
  readonly confirmedFlushLsn: Lsn | null
  readonly xmin: string | null
  readonly database: string | null
  readonly plugin: string | null
  readonly walStatus: string | null
}

export interface WalSenderView {
  readonly user: string
  readonly applicationName: string
  readonly clientAddress: string | null
  readonly state: string
  readonly syncState: string
  readonly syncPriority: number | null
  /** What the standby has reported. null: nothing yet. Absent: not queried. */
  readonly writeLsn?: Lsn | null
  readonly flushLsn?: Lsn | null
  readonly replayLsn?: Lsn | null
}

/** Are a standby's recovery settings those that its upstream needs? `restart`: a reload is not enough. */
export interface RecoverySettingsView {
  readonly change: 'none' | 'reload' | 'restart'
  /** Names of the settings that differ. */
  readonly differing: readonly string[]
}
