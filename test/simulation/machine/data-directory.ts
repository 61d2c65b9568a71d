// What a node has on its disk: PostgreSQL's data directory as far as high availability looks at it.

import type { JsonObject } from '../../../src/model/cluster/cluster.ts'
import type { Upstream } from '../../../src/model/cluster/peer.ts'
import type { Origins } from '../../../src/model/server/origins.ts'
import type { ControlData } from '../../../src/model/server/postgres.ts'
import type { Lsn } from '../../../src/model/units.ts'
import { append, lastRecord, lsnOf, type RecordKind, startBranch, type WalEnd } from './wal.ts'

export interface SlotOnDisk {
  readonly name: string
  restartLsn: Lsn | null
}

let directories = 0

export class DataDirectory {
  readonly id: number
  readonly systemIdentifier: string
  end: WalEnd
  /** Greatest timeline of which it has a history file: a promotion takes the one after it. */
  newestTimeline: number
  /** Numbers whose history file says nothing else than that they are taken. */
  skipped = new Set<number>()
  recoveryConfigured: boolean = false
  upstream: Upstream | null = null
  backupLabel: boolean = false
  /** initdb and what follows it are not over, or were cut short; a mark says so. */
  unfinishedBootstrap: boolean = false
  /** A rewind was cut short, and a mark says so. */
  rewindBroken: boolean = false
  /** It was taken away, and nothing in /proc leads from a server that works in it back to its name. */
  nameless: boolean = false
  /** A server that works elsewhere has written its control file, which it finds by the name of its directory, into this. */
  overwritten: boolean = false
  /** False while a copy is not finished, or after one was cut short: there is no control file, and a mark says why. */
  usable: boolean = true
  state: string = 'shut down'
  checkpoint: { lsn: Lsn; timeline: number }
  /** As of the last restart point: what a standby's control file promises. */
  restartPoint: WalEnd
  /** Notes on its timelines, a second time; a copy has none of its own. */
  origins: Origins | null = null
  /** synchronous_standby_names in hactl's own file; null: none. */
  syncNames: string | null = null
  /** WAL before this was recycled. */
  keptFrom: Lsn = 0n
  readonly slots = new Map<string, SlotOnDisk>()
  cachedConfig: JsonObject | null = null

  private constructor(systemIdentifier: string, end: WalEnd) {
    this.id = directories++
    this.systemIdentifier = systemIdentifier
    this.end = end
    this.restartPoint = end
    this.newestTimeline = end.branch.timeline
    this.checkpoint = { lsn: lsnOf(end), timeline: end.branch.timeline }
  }

  static initdb(systemIdentifier: string): DataDirectory {
    const directory = new DataDirectory(systemIdentifier, startBranch(1, null, directories))
    directory.append('checkpoint', 120n)
    directory.markCheckpoint()
    return directory
  }

  /** A base backup taken at `end`. */
  static copyOf(source: DataDirectory, end: WalEnd): DataDirectory {
    const copy = new DataDirectory(source.systemIdentifier, end)
    copy.state = 'in archive recovery'
    copy.backupLabel = true
    copy.newestTimeline = source.newestTimeline
    copy.cachedConfig = source.cachedConfig
    copy.syncNames = source.syncNames
    // Its checkpoint at least, with which its replay begins.
    copy.keptFrom = lastRecord(end)?.startLsn ?? 0n
    return copy
  }

  /** A snapshot of the disk. */
  static snapshotOf(source: DataDirectory): DataDirectory {
    const snapshot = new DataDirectory(source.systemIdentifier, source.end)
    const { newestTimeline, recoveryConfigured, upstream, backupLabel, state, checkpoint, restartPoint } =
      source
    Object.assign(snapshot, { newestTimeline, recoveryConfigured, upstream, backupLabel, state })
    Object.assign(snapshot, {
      checkpoint,
      restartPoint,
      cachedConfig: source.cachedConfig,
      origins: source.origins,
      syncNames: source.syncNames,
    })
    snapshot.skipped = new Set(source.skipped)
    for (const [name, slot] of source.slots) snapshot.slots.set(name, { ...slot })
    return snapshot
  }

  /** What pg_basebackup leaves when it is killed. */
  static fragmentOf(source: DataDirectory): DataDirectory {
    const fragment = DataDirectory.copyOf(source, source.end)
    fragment.usable = false
    return fragment
  }

  get lsn(): Lsn {
    return lsnOf(this.end)
  }

  get timeline(): number {
    return this.end.branch.timeline
  }

  append(kind: RecordKind, bytes: bigint): void {
    this.end = append(this.end, this.id, kind, bytes)
  }

  /** The last record is a checkpoint, and the control file says so. */
  markCheckpoint(): void {
    this.checkpoint = { lsn: lastRecord(this.end)?.startLsn ?? this.lsn, timeline: this.timeline }
    this.restartPoint = this.end
  }

  controlData(): ControlData {
    const recovering = this.state === 'in archive recovery' || this.state === 'shut down in recovery'
    return {
      systemIdentifier: this.systemIdentifier,
      state: this.state,
      checkpointLsn: this.checkpoint.lsn,
      checkpointTimeline: this.checkpoint.timeline,
      minRecoveryLsn: recovering ? lsnOf(this.restartPoint) : 0n,
      minRecoveryTimeline: recovering ? this.restartPoint.branch.timeline : 0,
      walLogHints: false,
      dataChecksums: true,
      settings: {
        maxConnections: 100,
        maxWorkerProcesses: 8,
        maxWalSenders: 10,
        maxPreparedTransactions: 0,
        maxLocksPerTransaction: 64,
      },
    }
  }
}
