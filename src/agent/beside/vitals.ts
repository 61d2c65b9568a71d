// The signs of life that are looked for beside the beats: those of the local PostgreSQL, and the agent's own.

import type { Snapshot } from '../../model/decision/snapshot.ts'
import { errorText } from '../../model/error-text.ts'
import type { StandstillsView, VitalsView } from '../../model/server/vitals.ts'
import type { Postgres } from '../../ports/postgres.ts'
import { DiskWatch } from './disk-watch.ts'
import { Knocking } from './knocking.ts'
import { type StandstillPorts, Standstills } from './standstills.ts'

export interface VitalsPorts extends StandstillPorts {
  readonly postgres: Pick<Postgres, 'knock' | 'probeDisk'>
  readonly failed: (why: string) => void
}

export class Vitals {
  readonly #knocking: Knocking
  readonly #disks: DiskWatch
  readonly #standstills: Standstills

  constructor(ports: VitalsPorts) {
    this.#knocking = new Knocking(ports)
    this.#disks = new DiskWatch(ports)
    this.#standstills = new Standstills(ports)
    this.#standstills
      .run()
      .catch((error: unknown) => ports.failed(`measuring standstills: ${errorText(error)}`))
  }

  readonly view = (): VitalsView => ({
    knocks: this.#knocking.view(),
    ...this.#disks.view(),
    standstills: this.#standstills.view(),
  })

  readonly standstills = (): StandstillsView => this.#standstills.view()

  /** Gets each beat's snapshot. */
  consider(snapshot: Snapshot): void {
    this.#knocking.consider(snapshot)
    this.#disks.consider(snapshot)
  }

  close(): void {
    this.#knocking.close()
    this.#disks.close()
    this.#standstills.close()
  }
}
