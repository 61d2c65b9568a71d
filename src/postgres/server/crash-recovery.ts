// Brings a crashed data directory to a clean shutdown with a single-user server, which can neither be connected to nor
// accept writes (spec/postgres.md 1.12): pg_rewind and the comparison of timelines need that.

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepOutcome } from '../../ports/postgres.ts'
import { failureOf } from '../../system/child-process.ts'
import { type Context, cancelled, DONE, failed } from '../context.ts'
import { readDirectoryState } from '../data/data-directory.ts'
import { archiveReadyWal, isThere } from '../rewind/archive-ready.ts'
import { clearLeftovers } from './leftovers.ts'
import { DIRECTORY, readStartArguments } from './postmaster-options.ts'

export async function crashRecovery(context: Context, signal: AbortSignal): Promise<StepOutcome> {
  const { dataDir, log, programs, watch } = context
  if ((await watch.find()) !== null) return failed('no crash recovery: PostgreSQL is running')
  const directory = await readDirectoryState(context)
  if (directory.kind !== 'present')
    return failed(`no crash recovery: the data directory is ${directory.kind}`)
  // From 15 on the file is there only while a restored backup has not been recovered: replaying without it destroys it.
  if (directory.backupLabel && (directory.majorVersion ?? 0) >= 150000) {
    return failed('no crash recovery: backup_label says that this is a restored backup')
  }
  const cleared = await clearLeftovers(context)
  if (!cleared.ok) return cleared
  const archived = await archiveReadyWal(context, signal)
  // The recovery keeps the WAL that waits for the archive; any work that may remove it archives it first.
  if (!archived.ok) log('warning', archived.why)
  if (signal.aborted) return cancelled('the crash recovery')
  await forgetArchived(dataDir)
  const parameters = await settingsFor(context)
  for (const name of ['standby.signal', 'recovery.signal', 'recovery.conf'])
    await rm(join(dataDir, name), { force: true })
  const args = ['--single', '-D', dataDir, ...parameters.flatMap(parameter => ['-c', parameter]), 'template1']
  // The time depends on the WAL to replay, so only the caller can limit it.
  const result = await programs.run('postgres', args, { locale: 'operator-parsed', timeoutMs: null, signal })
  if (result.kind === 'aborted') return cancelled('the crash recovery')
  const why = failureOf('single-user recovery', result)
  if (why === null) return DONE
  log('error', `single-user recovery failed; output: ${result.stdout} ${result.stderr}`)
  return failed(why)
}

/**
 * The checkpoint of the recovery would remove WAL that counts as archived, and pg_rewind needs it here. WAL that is not
 * yet archived keeps its mark: without it the archive would get a hole.
 */
async function forgetArchived(dataDir: string): Promise<void> {
  const directory = join(dataDir, 'pg_wal', 'archive_status')
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith('.ready')) await rm(join(directory, name), { force: true })
  }
}

/**
 * The options of the last start, so that the recovery loads the same libraries as the server. We set the paths of data
 * and configuration: another program may have started the server, and a copied file may name its source's directory.
 */
async function settingsFor({ config, dataDir }: Context): Promise<readonly string[]> {
  const given = (await readStartArguments(dataDir)) ?? []
  const named = given.filter(({ name }) => name !== DIRECTORY)
  const values = new Map(named.map(({ name, value }) => [name, value]))
  const configFile = join(config.configDir, `${config.configBaseName}.conf`)
  if (await isThere(configFile)) values.set('config_file', configFile)
  values.set('data_directory', dataDir).set('archive_mode', 'on').set('archive_command', 'false')
  const settings: readonly string[] = [...values].map(([name, value]) => `${name}=${value}`)
  return settings.toSorted()
}
