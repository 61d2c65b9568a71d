// What the steps of this adapter share: configuration, programs, connections, the postmaster that is followed, and the
// facts that are read again and again. Made once by createPostgres.

import type { Upstream } from '../model/cluster/peer.ts'
import type { BootstrapConfig, EffectivePostgresql, PostgresqlConfig } from '../model/settings/config.ts'
import type { MemberName, Scope } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { StepOutcome } from '../ports/postgres.ts'
import type { OneAfterAnother } from './data/one-after-another.ts'
import type { FormerServers } from './server/former.ts'
import type { PostmasterWatch } from './server/postmaster.ts'
import type { Programs } from './server/programs.ts'
import type { RecoveryWatch } from './server/recovery-watch.ts'
import type { KeptConnection } from './session/connection.ts'
import type { Access } from './session/server-access.ts'
import type { PendingRestart, Settings } from './settings/settings.ts'

type LogLevel = 'debug' | 'info' | 'warning' | 'error'
export type Log = (level: LogLevel, text: string) => void

export interface Context {
  readonly config: PostgresqlConfig
  readonly bootstrap: BootstrapConfig | null
  readonly scope: Scope
  readonly name: MemberName
  /** Without a slash at its end. */
  readonly dataDir: string
  /** Marks of what was begun on the data directory (marks.ts). */
  readonly stateDirectory: string
  /** Where the server's output goes until its own logging starts; null: to our own stderr (the journal). */
  readonly serverLog: string | null
  readonly clock: Clock
  readonly log: Log
  readonly programs: Programs
  readonly settings: Settings
  readonly access: Access
  readonly kept: KeptConnection
  readonly watch: PostmasterWatch
  readonly former: FormerServers
  readonly recovery: RecoveryWatch
  /** Everybody who writes the settings files: a start, a new upstream, a new configuration. */
  readonly settingsWriters: OneAfterAnother
  readonly state: State
}

/** The few values that change: the steps write them, the looks read them. */
interface State {
  effective: EffectivePostgresql
  /** undefined: not known since this program started (the server was found running). */
  upstream: Upstream | null | undefined
  /** Settings that wait for a restart; null: to be asked again, because files or server changed. */
  pendingRestart: PendingRestart | null
  /** initdb or a base backup is filling the data directory: nothing in it means anything yet. */
  copying: boolean
  /** pg_rewind is changing the data directory. */
  rewinding: boolean
  /** The warning about a private key in the data directory has been logged. */
  keyWarned: boolean
  /** The installed program's version and options; asked again when its file is replaced. */
  program: Program | null
}

export function stateAtStart(effective: EffectivePostgresql): State {
  const work = { copying: false, rewinding: false }
  return { effective, upstream: undefined, pendingRestart: null, ...work, keyWarned: false, program: null }
}

export interface Program {
  readonly fullVersion: string
  /** Lower-case names of `postgres --describe-config`. */
  readonly settings: ReadonlySet<string>
  /** Identity of the file; null: not to be had (found by PATH). */
  readonly file: string | null
}

export type StepFailure = Extract<StepOutcome, { readonly ok: false }>

export const DONE: StepOutcome = { ok: true }

/** `remedy`: what an operator has to do before another attempt can succeed. */
export function failed(why: string, remedy?: string): StepFailure {
  return remedy === undefined ? { ok: false, why } : { ok: false, why, remedy }
}

export function cancelled(what: string): StepFailure {
  return { ok: false, why: `${what} was cancelled`, cancelled: true }
}
