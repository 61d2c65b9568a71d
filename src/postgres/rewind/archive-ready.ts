// WAL that was finished but not archived when the server died is archived before a rewind or a recovery: both may
// remove it, and the archive would have a hole (spec/postgres.md 4.5).

import { access, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorText } from '../../model/error-text.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { failureOf } from '../../system/child-process.ts'
import { wordsOf } from '../../system/program-words.ts'
import { type Context, DONE, failed } from '../context.ts'

const SETTING_LIMIT_MS = 5000
const ARCHIVE_LIMIT_MS = 300_000

/** null when it cannot be had. */
export async function readConfiguredSetting(context: Context, name: string): Promise<string | null> {
  const setting = await readSetting(context, name)
  return setting.known ? setting.value : null
}

/** A setting as the configuration files have it, running or not. */
async function readSetting(context: Context, name: string): Promise<Seen<string>> {
  const { clock, config, dataDir, programs } = context
  const configFile = join(config.configDir, `${config.configBaseName}.conf`)
  const args = ['-D', dataDir, '-C', name, `--config-file=${configFile}`, `--data_directory=${dataDir}`]
  const result = await programs.run('postgres', args, { timeoutMs: SETTING_LIMIT_MS })
  const why = failureOf('postgres -C', result)
  return why === null ? seen(result.stdout.trim(), clock.bootMs()) : unseen(why)
}

/**
 * A file that the archive refuses is logged and stays ready. Fails when the waiting files cannot be listed: removing
 * them would leave a hole that nobody knows of.
 */
export async function archiveReadyWal(context: Context, signal: AbortSignal): Promise<StepOutcome> {
  const { dataDir, log, programs } = context
  const statusDir = join(dataDir, 'pg_wal', 'archive_status')
  const marks = await readyMarks(statusDir)
  if (typeof marks === 'string') return unknown(marks, `let the agent read ${statusDir}`)
  if (marks.length === 0) return DONE
  const mode = await readSetting(context, 'archive_mode')
  const command = await readSetting(context, 'archive_command')
  if (!mode.known) return unknown(mode.why, 'correct the configuration of PostgreSQL')
  if (!command.known) return unknown(command.why, 'correct the configuration of PostgreSQL')
  if (command.value === '' || !['on', 'always'].includes(mode.value)) return DONE
  for (const mark of marks) {
    if (signal.aborted) return DONE
    const file = mark.replace(/\.ready$/, '')
    const path = join(dataDir, 'pg_wal', file)
    if (!(await isThere(path))) continue
    const expanded = expandCommand(command.value, path, file)
    const options = { timeoutMs: ARCHIVE_LIMIT_MS, signal, cwd: dataDir }
    const result = await programs.shell(expanded, options)
    const why = failureOf('archive_command', result)
    if (why === null) await rename(join(statusDir, mark), join(statusDir, `${file}.done`)).catch(() => {})
    // The command may contain a credential, so only its output is logged.
    else log('warning', `WAL file ${file} not archived: ${wordsOf(result.stderr) || why}`)
  }
  return DONE
}

function unknown(why: string, remedy: string): StepOutcome {
  return failed(`which WAL waits for the archive is not known: ${why}`, remedy)
}

/** In the order in which the archive wants them; text: they cannot be listed. */
async function readyMarks(statusDir: string): Promise<readonly string[] | string> {
  try {
    const marks = (await readdir(statusDir)).filter(name => READY.test(name))
    return marks.sort((a, b) => (a < b ? -1 : 1))
  } catch (error) {
    // The server creates the directory again when it is missing.
    return errorCode(error) === 'ENOENT' ? [] : errorText(error)
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
