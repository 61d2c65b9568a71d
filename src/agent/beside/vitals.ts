// The signs of life that are looked for beside the beats: those of the local PostgreSQL, and the agent's own.

import type { Snapshot } from '../../model/decision/snapshot.ts'
import { errorText } from '../../model/error-text.ts'
import type {
  DiskAnswer,
  DiskView,
  OwnPlace,
  ServerPlace,
  StandstillsView,
  VitalsView,
} from '../../model/server/vitals.ts'
import type { Postgres } from '../../ports/postgres.ts'
import { DiskWatch } from './disk-watch.ts'
import { Knocking } from './knocking.ts'
import { type StandstillPorts, Standstills } from './standstills.ts'

export interface VitalsPorts extends StandstillPorts {
  readonly postgres: Pick<Postgres, 'knock' | 'probeDisk' | 'logsToState'>
  /** The same of a directory that only the agent needs. */
  readonly probeOwn: (place: OwnPlace) => Promise<DiskAnswer>
  readonly failed: (why: string) => void
}

export class Vitals {
  readonly #ports: VitalsPorts
  readonly #knocking: Knocking
  readonly #disks: DiskWatch<ServerPlace>
  readonly #ownDisks: DiskWatch<OwnPlace>
  readonly #standstills: Standstills
  /** Since the state directory hangs; null: not known yet. */
  #serverLogs: boolean | null = null

  constructor(ports: VitalsPorts) {
    this.#knocking = new Knocking(ports)
    this.#ports = ports
    const { postgres, probeOwn } = ports
    this.#disks = new DiskWatch({ ...ports, places: ['data', 'wal'], probe: postgres.probeDisk })
    this.#ownDisks = new DiskWatch({ ...ports, places: ['state', 'log'], probe: probeOwn })
    this.#standstills = new Standstills(ports)
    this.#standstills
      .run()
      .catch((error: unknown) => ports.failed(`measuring standstills: ${errorText(error)}`))
  }

  readonly view = (): VitalsView => {
    const own = this.#ownDisks.view()
    return {
      knocks: this.#knocking.view(),
      ...this.#disks.view(),
      ownDisks: own.disks.map(disk =>
        isHungState(disk) && this.#serverLogs !== null ? { ...disk, serverLogs: this.#serverLogs } : disk,
      ),
      ownFailingTotalMs: own.failingTotalMs,
      standstills: this.#standstills.view(),
    }
  }

  readonly standstills = (): StandstillsView => this.#standstills.view()

  /** Gets each beat's snapshot. */
  consider(snapshot: Snapshot): void {
    this.#knocking.consider(snapshot)
    const isLookedAt = this.#ports.settings().failedDiskTimeoutMs > 0
    this.#disks.watch(
      isLookedAt && (this.#disks.view().disks.length > 0 || isWritable(snapshot)) && isLeftAlone(snapshot),
    )
    this.#ownDisks.watch(isLookedAt)
    this.#lookForLog()
  }

  /** Only while that directory hangs: PostgreSQL is in trouble with it, or does not know of it. */
  #lookForLog(): void {
    const { postgres, failed } = this.#ports
    if (!this.#ownDisks.view().disks.some(isHungState)) {
      this.#serverLogs = null
      return
    }
    postgres
      .logsToState()
      .then(logs => {
        this.#serverLogs = logs
      })
      .catch((error: unknown) => failed(`looking for PostgreSQL's log: ${errorText(error)}`))
  }

  close(): void {
    this.#knocking.close()
    this.#disks.close()
    this.#ownDisks.close()
    this.#standstills.close()
  }
}

function isHungState({ place, state }: DiskView): boolean {
  return place === 'state' && state === 'hangs'
}

function isWritable({ postgres }: Snapshot): boolean {
  return postgres.dataDirectory.kind === 'present'
}

/** A directory that is being made, rewound or removed is no place for a foreign file. */
function isLeftAlone({ work }: Snapshot): boolean {
  return work === null || ['follow', 'promote', 'stop', 'start', 'restart'].includes(work.job.kind)
}
