// What long work reports while it runs, and where a clean shutdown ended.

import type { Lsn } from '../units.ts'

export interface Progress {
  readonly phase: string
  readonly doneBytes?: number
  readonly totalBytes?: number
  /** The control file says `shut down`; the postmaster may still wait for a slow archiver. */
  readonly stoppedAt?: ShutdownPosition
}

/** Where a clean shutdown ended. `previousLsn` is the record before the shutdown checkpoint if that is a WAL switch. */
export interface ShutdownPosition {
  readonly checkpointLsn: Lsn
  readonly previousLsn: Lsn
}
