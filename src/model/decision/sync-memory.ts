// What a primary in synchronous mode remembers between beats.

import type { BootMillis, Lsn, MemberName } from '../units.ts'

/** What a primary remembers of the standbys that PostgreSQL waits for (spec/ha.md 4.2). */
export interface SyncMemory {
  /** synchronous_standby_names in force at that look. */
  readonly setting: string
  /** When it was first seen with every WAL sender going by it, as far as that shows. */
  readonly sinceMs: BootMillis
  /** This node's position once all of them had had time to read it; null: they have not. */
  readonly catchUpLsn: Lsn | null
  /** Who has caught up with that position. */
  readonly ready: readonly MemberName[]
}
