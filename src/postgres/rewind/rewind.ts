// pg_rewind: takes back what this node wrote after the leader's history left it (spec/postgres.md 4.4-4.6). Whether it
// is needed, and whether the leader has finished its checkpoint, is the caller's decision.

import { join } from 'node:path'
import type { Upstream } from '../../model/cluster/peer.ts'
import { errorText } from '../../model/error-text.ts'
import type { Millis } from '../../model/units.ts'
import type { Report, StepOutcome } from '../../ports/postgres.ts'
import { failureOf, type RunResult } from '../../system/child-process.ts'
import { type Context, cancelled, DONE, failed } from '../context.ts'
import { reportCopied } from '../create/basebackup.ts'
import { type Place, rewindRemedyOf } from '../create/remedies.ts'
import { readControlData } from '../data/control-data.ts'
import { readMajorVersion } from '../data/data-directory.ts'
import { MIXED_REMEDY, whyMixed } from '../data/mixed-directory.ts'
import { forgetOrigins } from '../data/noted-origins.ts'
import { markRewind, unfinishedRewind, unmarkRewind } from '../data/unfinished-rewind.ts'
import { optionArguments } from '../server/command-line.ts'
import { crashRecovery } from '../server/crash-recovery.ts'
import { endOrphanedPrograms } from '../server/leftovers.ts'
import { stop } from '../server/stop.ts'
import { archiveReadyWal, expandCommand, isThere, readConfiguredSetting } from './archive-ready.ts'
import { askRewindSource } from './rewind-source.ts'
import { inspectTarget, type Spoiler, withLiftedModes } from './rewind-target.ts'

type RewindOutcome = StepOutcome & { readonly damaged?: boolean }

const FORBIDDEN = [
  ...[
    'target-pgdata',
    'source-pgdata',
    'source-server',
    'write-recovery-conf',
    'dry-run',
    'restore-target-wal',
  ],
  ...['config-file', 'no-ensure-shutdown', 'version', 'help', 'progress'],
]
/** Missing WAL files that are fetched one after the other: 4 GB of segments of the usual size. */
const FETCHES_MAX = 256
const FETCH_LIMIT_MS: Millis = 300_000

export async function rewind(
  context: Context,
  from: Upstream,
  signal: AbortSignal,
  report: Report,
): Promise<RewindOutcome> {
  report({ phase: 'preparing' })
  const broken = await unfinishedRewind(context)
  if (broken !== null) return { ...failed(broken), damaged: true }
  const mixed = await whyMixed(context)
  if (mixed !== null) return spoiled({ why: mixed, remedy: MIXED_REMEDY })
  const prepared = await prepare(context, signal)
  if (!prepared.ok) return { ...prepared, damaged: false }
  const majorVersion = await readMajorVersion(context.dataDir)
  if (majorVersion === null) return failed('PG_VERSION is missing or unreadable')
  const restoreCommand = (await readConfiguredSetting(context, 'restore_command')) ?? ''
  const args = rewindArguments(context, majorVersion, restoreCommand)
  report({ phase: 'comparing' })
  const source = await askRewindSource(context, from, placeOf(context, from), signal)
  if (!source.ok) return { ...source, damaged: false }
  const target = await inspectTarget(context, source.files)
  if (target.spoiler !== null) return spoiled(target.spoiler)
  const run = () => underMark(context, { from, args, restoreCommand, signal, report })
  return await withLiftedModes(context, target.locked, run, spoiled)
}

/** The problem was found before anything was touched. */
function spoiled({ why, remedy }: Spoiler): RewindOutcome {
  return { ...failed(why, remedy), damaged: false }
}

async function underMark(context: Context, what: Attempt): Promise<RewindOutcome> {
  try {
    await markRewind(context)
  } catch (error) {
    return failed(errorText(error))
  }
  const outcome = await attempt(context, what)
  // The mark is removed unless the directory is a mixture now; if we die meanwhile, it stays.
  if (outcome.ok) await forgetOrigins(context).catch(error => context.log('error', errorText(error)))
  if (outcome.damaged !== true)
    await unmarkRewind(context).catch(error => context.log('error', errorText(error)))
  return outcome
}

interface Attempt {
  readonly from: Upstream
  readonly args: readonly string[]
  readonly restoreCommand: string
  readonly signal: AbortSignal
  readonly report: Report
}

/** Runs pg_rewind, and again after each missing WAL file that restore_command brought. */
async function attempt(context: Context, what: Attempt): Promise<RewindOutcome> {
  const { restoreCommand, signal } = what
  for (let fetches = 0; ; fetches += 1) {
    const { result, touched } = await runRewind(context, what)
    const why = failureOf('pg_rewind', result)
    if (why === null) return DONE
    if (result.kind === 'aborted') return { ...cancelled('the rewind'), damaged: touched }
    const missing = touched ? null : missingWalFile(result)
    if (
      missing === null ||
      fetches >= FETCHES_MAX ||
      !(await fetchWal(context, restoreCommand, missing, signal))
    ) {
      const damaged = touched || !(await hasControlData(context))
      return {
        ...failed(why, damaged ? undefined : rewindRemedyOf(result, placeOf(context, what.from))),
        damaged,
      }
    }
    context.log('info', `pg_rewind lacked WAL file ${missing}: fetched with restore_command`)
  }
}

/** Stopped, cleanly shut down, finished WAL archived. */
async function prepare(context: Context, signal: AbortSignal): Promise<StepOutcome> {
  const { clock, dataDir, programs, state, watch } = context
  await endOrphanedPrograms(context)
  if ((await watch.find()) !== null) {
    const timeoutMs = state.effective.pgCtlTimeoutMs
    const stopped = await stop(context, { mode: 'fast', checkpoint: false, timeoutMs }, signal)
    if (!stopped.ok) return stopped
  }
  const control = await readControlData(programs, clock, dataDir)
  if (!control.known) return failed(control.why)
  // Even after a clean stop its pages may be newer than the WAL that pg_rewind reads.
  if (control.value.unfinishedBackup === true)
    return failed('the data is a copy that was not replayed to its end')
  if (!control.value.state.startsWith('shut down')) {
    const recovered = await crashRecovery(context, signal)
    if (!recovered.ok) return recovered
  }
  const archived = await archiveReadyWal(context, signal)
  if (!archived.ok) return archived
  return signal.aborted ? cancelled('the rewind') : DONE
}

function rewindArguments(context: Context, majorVersion: number, restoreCommand: string): readonly string[] {
  const { config, dataDir, log, state } = context
  const configOutside = config.configDir !== dataDir
  const fetches =
    restoreCommand !== '' && (majorVersion >= 150000 || (majorVersion >= 130000 && !configOutside))
  const configFile = join(config.configDir, `${config.configBaseName}.conf`)
  return [
    ...(fetches ? ['--restore-target-wal'] : []),
    ...(majorVersion >= 150000 && configOutside ? [`--config-file=${configFile}`] : []),
    ...optionArguments(state.effective.rewindOptions, FORBIDDEN, why => log('warning', why)),
  ]
}

/** `touched`: it had begun to change the data directory. */
async function runRewind(
  context: Context,
  { from, args, signal, report }: Attempt,
): Promise<{ readonly result: RunResult; readonly touched: boolean }> {
  const { access, dataDir, programs } = context
  let touched = false
  const onLine = (line: string) => {
    if (/need to copy|kB \(\s*\d+%\) copied|creating backup label/.test(line)) touched = true
    reportCopied(line, report)
  }
  const result = await access.withConninfo({ as: 'rewind', to: from }, (conninfo, env) =>
    programs.run('pg_rewind', ['--progress', '-D', dataDir, `--source-server=${conninfo}`, ...args], {
      // pg_rewind runs restore_command, which is the operator's.
      locale: 'operator-parsed',
      timeoutMs: null,
      signal,
      // The leader's own statement_timeout must not end it.
      env: { ...env, PGOPTIONS: '-c statement_timeout=0' },
      onLine,
    }),
  )
  return { result, touched }
}

/** `could not open file ".../pg_wal/<name>": …`: the WAL since the fork is no longer here. */
export function missingWalFile(result: { readonly stdout: string; readonly stderr: string }): string | null {
  const complaint = /could not open file "[^"]*\/pg_wal\/([0-9A-F]{24})":/
  return complaint.exec(result.stderr)?.[1] ?? complaint.exec(result.stdout)?.[1] ?? null
}

async function fetchWal(
  context: Context,
  command: string,
  file: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { dataDir, programs, log } = context
  if (command === '') return false
  const path = join(dataDir, 'pg_wal', file)
  const expanded = expandCommand(command, path, file)
  const result = await programs.shell(expanded, { timeoutMs: FETCH_LIMIT_MS, signal, cwd: dataDir })
  const why = failureOf('restore_command', result)
  if (why !== null) log('warning', `WAL file ${file} not fetched: ${why}`)
  return why === null && (await isThere(path))
}

function placeOf({ config }: Context, from: Upstream): Place {
  const { rewind: account, superuser } = config.authentication
  return { source: from.name, user: (account ?? superuser)?.username ?? 'of the operating system' }
}

async function hasControlData(context: Context): Promise<boolean> {
  const { clock, dataDir, programs } = context
  return (await readControlData(programs, clock, dataDir)).known
}
