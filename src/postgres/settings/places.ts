// Where the settings files of one server are, and with which mode and owner a new one is made there.

import { realpath, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import { asSettingsError, type FileOwner, type ReplaceOptions } from './durable-file.ts'

export interface Places {
  readonly dataDir: string
  readonly configDir: string
  readonly conf: string
  /** Name of the operator's own file beside `conf`, which ours includes. */
  readonly baseName: string
  readonly hba: string
  readonly ident: string
  readonly autoConf: string
  /** hactl's own file with synchronous_standby_names. In the data directory, where the server may read it. */
  readonly syncNames: string
  readonly standbySignal: string
  readonly recoverySignal: string
  readonly pgpass: string
  readonly owner: FileOwner | null
  optionsFor(path: string): Promise<ReplaceOptions>
  /** Mode of a directory that has to be made. */
  directoryMode(path: string): Promise<number>
}

export function placesOf(config: PostgresqlConfig, owner: FileOwner | null): Places {
  const dataDir = resolve(config.dataDir)
  const configDir = resolve(config.configDir)
  const isInside = (path: string) => path === dataDir || path.startsWith(dataDir + sep)
  return {
    dataDir,
    configDir,
    conf: join(configDir, `${config.configBaseName}.conf`),
    baseName: `${config.configBaseName}.base.conf`,
    hba: join(configDir, 'pg_hba.conf'),
    ident: join(configDir, 'pg_ident.conf'),
    autoConf: join(dataDir, 'postgresql.auto.conf'),
    syncNames: join(dataDir, 'hactl_synchronous.conf'),
    standbySignal: join(dataDir, 'standby.signal'),
    recoverySignal: join(dataDir, 'recovery.signal'),
    pgpass: config.pgpass,
    owner,
    // The data directory is looked at each time: an operator may change its mode at any moment.
    optionsFor: async path => ({ mode: isInside(path) ? await modeInside(dataDir) : null, owner }),
    directoryMode: async path => (isInside(path) && (await modeInside(dataDir)) === 0o600 ? 0o700 : 0o755),
  }
}

/** As PostgreSQL itself: its group may read when it may read the data directory. */
async function modeInside(dataDir: string): Promise<number> {
  try {
    const { mode } = await stat(dataDir)
    return (mode & 0o750) === 0o750 ? 0o640 : 0o600
  } catch (error) {
    throw asSettingsError(error, `cannot look at ${dataDir}`)
  }
}

/** The real path, with links resolved; a missing directory is only its name. */
export async function sameDirectory(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(path => realpath(path).catch(() => resolve(path))))
  return a === b
}
