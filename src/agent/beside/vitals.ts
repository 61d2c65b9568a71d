// The signs of life of the local PostgreSQL that are looked for beside the beats.

import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { VitalsView } from '../../model/server/vitals.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Postgres } from '../../ports/postgres.ts'
import { DiskWatch } from './disk-watch.ts'
import { Knocking } from './knocking.ts'

export interface VitalsPorts {
  readonly postgres: Pick<Postgres, 'knock' | 'probeDisk'>
  readonly clock: Pick<Clock, 'bootMs' | 'sleep'>
  readonly settings: () => DynamicSettings
  readonly wake: (cause: string) => void
  readonly failed: (why: string) => void
}

export class Vitals {
  readonly #knocking: Knocking
  readonly #disks: DiskWatch

  constructor(ports: VitalsPorts) {
    this.#knocking = new Knocking(ports)
    this.#disks = new DiskWatch(ports)
  }

  readonly view = (): VitalsView => ({ knocks: this.#knocking.view(), ...this.#disks.view() })

  /** Gets each beat's snapshot. */
  consider(snapshot: Snapshot): void {
    this.#knocking.consider(snapshot)
    this.#disks.consider(snapshot)
  }

  close(): void {
    this.#knocking.close()
    this.#disks.close()
  }
}
