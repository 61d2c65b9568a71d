// Puts prepared settings on disk, each file only when its text changes. The order keeps every intermediate state
// one that PostgreSQL can start from.

import { join, resolve } from 'node:path'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import { needsSyncFile, writeSyncNamesFile } from '../synchronous/names-file.ts'
import { cleanAutoConf } from './auto-conf.ts'
import { copyFromDataDirectory, ownConf, restoreFile } from './backups.ts'
import { lastValue, readConfChain } from './conf-chain.ts'
import { exists, removeFile, renameFile, replaceFile } from './durable-file.ts'
import { accessFile, postgresqlConf } from './file-text.ts'
import type { Parameter } from './parameter-map.ts'
import type { Warn } from './parameters.ts'
import { writePgpass } from './pgpass.ts'
import { type Places, sameDirectory } from './places.ts'
import { conninfoText, type Prepared, type WriteInput } from './prepared.ts'
import type { RecoverySettings } from './recovery-settings.ts'

export interface Job extends Prepared {
  readonly input: WriteInput
  readonly config: PostgresqlConfig
  readonly places: Places
  readonly warn: Warn
}

interface FilesWritten {
  readonly changed: boolean
  /** Files that kept their old text, and why. */
  readonly problems: readonly string[]
}

export async function writeFiles(job: Job): Promise<FilesWritten> {
  const problems: string[] = []
  const standby = job.recovery !== null
  const changes = [
    standby && (await writeSignals(job)),
    await writePassword(job),
    await writeBaseConf(job, problems),
    await writeSyncNamesFile(job),
    await writeConf(job),
    await writeAccess(job, 'pg_hba', problems),
    await writeAccess(job, 'pg_ident', problems),
    await cleanAutoConf(job),
    !standby && (await writeSignals(job)),
  ]
  return { changed: changes.includes(true), problems }
}

async function write({ places }: Job, path: string, text: string | Buffer): Promise<boolean> {
  return await replaceFile(path, text, await places.optionsFor(path))
}

/** True when the server reads the file at `path`, so that we may write it. */
export function manages(path: string, configured: string | null, places: Places): boolean {
  return configured === null || resolve(places.configDir, configured) === path
}

/** The operator's own file, which ours includes. */
function includedFile({ config, places }: Job): string {
  return resolve(places.configDir, config.customConf ?? places.baseName)
}

async function writeConf(job: Job): Promise<boolean> {
  const { parameters, recovery, input, config, places } = job
  const located = (name: string, value: string) => (parameters.has(name) ? [] : [{ name, value }])
  const strange = await namesAnotherServer(job)
  const ours = [
    ...(strange ? [{ name: 'data_directory', value: places.dataDir }] : []),
    ...(strange ? located('external_pid_file', '') : []),
    ...located('hba_file', places.hba),
    ...located('ident_file', places.ident),
  ]
  const text = postgresqlConf({
    include: config.customConf ?? places.baseName,
    parameters: parameters.sorted(),
    fileLocations: ours,
    recovery: recovery === null ? null : recoverySection(recovery, config, input.majorVersion),
    lastFile: (await needsSyncFile(job)) ? places.syncNames : null,
  })
  return await write(job, places.conf, text)
}

/**
 * A base file that came with a copy may name its source's data directory. The server is started on ours by its command
 * line; other programs (pg_rewind, pg_ctl) read the file.
 */
async function namesAnotherServer(job: Job): Promise<boolean> {
  const { places, warn } = job
  const file = includedFile(job)
  const named = lastValue(await readConfChain(file), 'data_directory')
  if (named === null || (await sameDirectory(named, places.dataDir))) return false
  warn(`${file} names another data directory, ${named}: PostgreSQL is started on ${places.dataDir}`)
  return true
}

function recoverySection(
  recovery: RecoverySettings,
  config: PostgresqlConfig,
  majorVersion: number,
): readonly Parameter[] {
  const conninfo = conninfoText(recovery, config.pgpass, majorVersion)
  const lines = conninfo === '' ? [] : [{ name: 'primary_conninfo', value: conninfo }]
  return [...lines, ...recovery.parameters.sorted()]
}

/**
 * The operator's own postgresql.conf becomes the included one, once. Without any, an empty one: an include of a
 * missing file would keep the server from starting.
 */
async function writeBaseConf(job: Job, problems: string[]): Promise<boolean> {
  const { config, places, warn } = job
  const base = join(places.configDir, places.baseName)
  const own = await ownConf(places)
  if (await exists(base)) {
    if (own === null) return false
    await renameFile(places.conf, `${places.conf}.found`)
    warn(
      `${places.conf} is not hactl's: it is kept as ${places.conf}.found and written again; ${base} counts`,
    )
    return true
  }
  if (own !== null) {
    await renameFile(places.conf, base)
    return true
  }
  if (config.customConf !== null) return false
  if (await restoreFile(places, places.baseName)) return true
  if (await copyFromDataDirectory(places, 'postgresql.conf', base)) return true
  problems.push(`${base} is missing and there is no copy of it, an empty one is used`)
  return await write(job, base, '')
}

async function writeAccess(job: Job, which: 'pg_hba' | 'pg_ident', problems: string[]): Promise<boolean> {
  const { input, parameters, places } = job
  const [entries, path, parameter] =
    which === 'pg_hba'
      ? [input.effective.pgHba, places.hba, 'hba_file']
      : [input.effective.pgIdent, places.ident, 'ident_file']
  if (!manages(path, parameters.get(parameter), places)) return false
  if (entries === null) return await copyFromDataDirectory(places, `${which}.conf`, path)
  // An hba file without entries would lock everybody out, us included.
  if (which === 'pg_hba' && entries.length === 0) return false
  const text = accessFile(entries)
  if (text === null) {
    problems.push(`${path} is left as it is: an entry of postgresql.${which} is not one line`)
    return false
  }
  return await write(job, path, text)
}

async function writePassword({ recovery, config, places }: Job): Promise<boolean> {
  if (recovery?.conninfo == null || !('password' in recovery.conninfo)) return false
  const { password = '', host, port, user } = recovery.conninfo
  return await writePgpass(config.pgpass, [{ host, port, user, password }], places.owner)
}

/**
 * Without standby.signal the server comes up as a primary: for a standby it is the first thing written, and it goes
 * last.
 */
async function writeSignals(job: Job): Promise<boolean> {
  const { recovery, places, warn } = job
  const created = recovery === null ? false : await write(job, places.standbySignal, '')
  const stopsAtTarget = await removeFile(places.recoverySignal)
  if (stopsAtTarget)
    warn(`${places.recoverySignal} was taken away: PostgreSQL stops at no recovery target here`)
  const removed = recovery === null ? await removeFile(places.standbySignal) : false
  return created || stopsAtTarget || removed
}
