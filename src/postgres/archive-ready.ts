// WAL that was finished but not archived when the server died is archived before rewinding or recovering: both may
// remove it, and the archive would have a hole (spec/postgres.md 4.5).

import { access, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { failureOf } from '../system/child-process.ts'
import { wordsOf } from '../system/program-words.ts'
import type { Context } from './context.ts'

const SETTING_LIMIT_MS = 5000
const ARCHIVE_LIMIT_MS = 300_000

/** A setting as the configuration files have it, running or not; null when it cannot be had. */
export async function readConfiguredSetting(context: Context, name: string): Promise<string | null> {
  const { config, dataDir, programs } = context
  const configFile = join(config.configDir, `${config.configBaseName}.conf`)
  const args = ['-D', dataDir, '-C', name, `--config-file=${configFile}`, `--data_directory=${dataDir}`]
  const result = await programs.run('postgres', args, { timeoutMs: SETTING_LIMIT_MS })
  return failureOf('postgres -C', result) === null ? result.stdout.trim() : null
}

/** Never fails: what cannot be archived is logged and stays ready. */
export async function archiveReadyWal(context: Context, signal: AbortSignal): Promise<void> {
  const { dataDir, log, programs } = context
  const statusDir = join(dataDir, 'pg_wal', 'archive_status')
  const marks = (await readdir(statusDir).catch(() => [])).filter(name => READY.test(name)).sort()
  if (marks.length === 0) return
  const mode = await readConfiguredSetting(context, 'archive_mode')
  const command = await readConfiguredSetting(context, 'archive_command')
  if (command === null || command === '' || !['on', 'always'].includes(mode ?? '')) return
  for (const mark of marks) {
    if (signal.aborted) return
    const file = mark.replace(/\.ready$/, '')
    const path = join(dataDir, 'pg_wal', file)
    if (!(await isThere(path))) continue
    const expanded = expandCommand(command, path, file)
    const options = { timeoutMs: ARCHIVE_LIMIT_MS, signal, cwd: dataDir }
    const result = await programs.shell(expanded, options)
    const failed = failureOf('archive_command', result)
    if (failed === null) await rename(join(statusDir, mark), join(statusDir, `${file}.done`)).catch(() => {})
    // The command may hold a credential: only what it printed is logged.
    else log('warning', `WAL file ${file} not archived: ${wordsOf(result.stderr) || failed}`)
  }
}

/** WAL files, whole or partial, backup labels, and timeline histories: all that PostgreSQL's archiver takes. */
const READY = /^([0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history)\.ready$/

/** `%p` path, `%f` file name, `%r` oldest file still needed (the first one: nothing may be removed), `%%`. */
export function expandCommand(command: string, path: string, file: string): string {
  const values: Record<string, string> = { p: path, f: file, r: '000000010000000000000001', '%': '%' }
  return command.replace(/%([pfr%])/g, (whole, letter: string) => values[letter] ?? whole)
}

export async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
