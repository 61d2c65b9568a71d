// Is what this node should be configured with on its disk already? The configuration in force is the snapshot's own
// (`settings`, `self`); what PostgreSQL and the HTTP API make of it takes a write, which can fail or hang.

import type { BootMillis } from '../units.ts'

export interface ConfigurationView {
  /** Counts what was wanted since the agent started: each reload, each other document, each change of role is a new one. */
  readonly wanted: number
  /** What made it new, for people. */
  readonly because: string
  /** The last one that was applied; 0: none by this agent yet. */
  readonly applied: number
  /** One is being applied, since then. */
  readonly applyingSinceMs: BootMillis | null
  /** The last attempt, when it failed. */
  readonly failure: ConfigurationFailure | null
  /** What is wrong with the configuration file since the last reload; null: nothing, it is in force. */
  readonly refusedFile: string | null
}

export interface ConfigurationFailure {
  /** Which one was tried. */
  readonly wanted: number
  readonly why: string
  readonly atMs: BootMillis
}
