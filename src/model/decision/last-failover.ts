// The automatic failover that holds the next one back, as this node remembers it.

import type { BootMillis, MemberName, WallMillis } from '../units.ts'

export interface LastFailover {
  readonly from: MemberName
  readonly to: MemberName
  /** By the wall clock of `to`: it distinguishes the note from others. */
  readonly at: string
  readonly sinceMs: BootMillis
  /** The same for people. */
  readonly sinceWall: WallMillis
}
