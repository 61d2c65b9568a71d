// Do PostgreSQL and the HTTP API have the configuration in force? The snapshot's `settings` and `self` hold it; giving
// it to them takes a write, which can fail or hang.

import type { BootMillis } from '../units.ts'

export interface ConfigurationView {
  /**
   * A number for each wanted configuration since the agent started: a reload, a new document or a change of role
   * counts.
   */
  readonly wanted: number
  /** The cause of the last change, for people. */
  readonly because: string
  /** The last one that was applied; 0: none yet by this agent. */
  readonly applied: number
  /** Since when one is being applied; null: none is. */
  readonly applyingSinceMs: BootMillis | null
  /** The last attempt, if it failed. */
  readonly failure: ConfigurationFailure | null
  /** Why the last reload refused the configuration file; null: the file is in force. */
  readonly refusedFile: string | null
}

export interface ConfigurationFailure {
  /** Which one was tried. */
  readonly wanted: number
  readonly why: string
  readonly atMs: BootMillis
}
