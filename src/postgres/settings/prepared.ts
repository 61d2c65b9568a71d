// Works out the content of the files from the configuration alone. Nothing is read or written here, except that
// `postgres --describe-config` is run when a parameter is not in our table.

import type { Upstream } from '../../model/cluster/peer.ts'
import type { ControlData } from '../../model/server/postgres.ts'
import type { EffectivePostgresql, PostgresqlConfig } from '../../model/settings/config.ts'
import type { Scope } from '../../model/units.ts'
import { formatConninfo } from './conninfo.ts'
import { SettingsError } from './durable-file.ts'
import type { ParameterMap } from './parameter-map.ts'
import { type PendingRestart, raiseToControlData, serverParameters, type Warn } from './parameters.ts'
import { type RecoverySettings, standbyRecovery } from './recovery-settings.ts'
import { validServerParameters, versionNumber } from './validation.ts'

/** Older ones read their recovery settings from another file, in another way. */
const OLDEST_MAJOR_VERSION = 120000

export interface WriteInput {
  readonly effective: EffectivePostgresql
  /** server_version_num without the minor: 150000. 0: not known, and nothing is written. */
  readonly majorVersion: number
  /** As `postgres --version` prints it: `15.18`. */
  readonly fullVersion: string
  readonly role: 'primary' | 'standby'
  readonly upstream: Upstream | null
  readonly control: ControlData | null
  readonly describeConfig: () => Promise<ReadonlySet<string>>
  /** The server runs and is only reloaded: it keeps the socket directory that it started with. */
  readonly running?: boolean
}

export interface Prepared {
  readonly parameters: ParameterMap
  /** null: a primary. */
  readonly recovery: RecoverySettings | null
  /** Values that a standby must keep until its primary's lower ones have reached it. */
  readonly pendingRestart: PendingRestart
  readonly version: number
}

interface Identity {
  readonly config: PostgresqlConfig
  readonly scope: Scope
  readonly name: string
}

/** Throws SettingsError when the version of the data directory is not known or not supported. */
export async function prepare(input: WriteInput, identity: Identity, warn: Warn): Promise<Prepared> {
  const { effective, majorVersion, role, upstream, control } = input
  if (majorVersion < OLDEST_MAJOR_VERSION) {
    const why = majorVersion > 0 ? 'PostgreSQL older than 12 is not supported' : 'the version is not known'
    throw new SettingsError('refused', `settings of ${identity.config.dataDir} are not written: ${why}`)
  }
  const version = versionWithin(input.fullVersion, majorVersion)
  const parameters = serverParameters({ ...identity, effective, majorVersion, warn })
  const pendingRestart =
    role === 'standby' && control !== null ? raiseToControlData(parameters, control, warn) : {}
  const recovery =
    role === 'primary'
      ? null
      : standbyRecovery({
          ...identity,
          applicationName: identity.name,
          effective,
          upstream,
          majorVersion,
          version,
          warn,
        })
  const valid = await validServerParameters(parameters, version, input.describeConfig, warn)
  return { parameters: valid, recovery, pendingRestart, version }
}

/** A program of another major version than the data directory says nothing about the minor of the latter. */
function versionWithin(fullVersion: string, majorVersion: number): number {
  const version = versionNumber(fullVersion)
  if (version === null || Math.floor(version / 10000) !== Math.floor(majorVersion / 10000))
    return majorVersion
  return version
}

/** The primary_conninfo to write: from PostgreSQL 10 on the password is in a file of its own. */
export function conninfoText(recovery: RecoverySettings, pgpass: string, majorVersion: number): string {
  const { conninfo } = recovery
  if (conninfo === null) return ''
  return formatConninfo('password' in conninfo ? { ...conninfo, passfile: pgpass } : conninfo, majorVersion)
}
