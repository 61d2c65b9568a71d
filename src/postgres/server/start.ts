// Starting the server (spec/postgres.md 1.5, 1.6): settings written, leftovers of a dead one cleared, the postmaster
// started in its own session so that it outlives us, then real connection attempts until one succeeds.

import { type ChildProcess, spawn } from 'node:child_process'
import { getPriority, setPriority } from 'node:os'
import { join } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'
import { inTime } from '../../ports/clock.ts'
import type { StartOptions, StepOutcome } from '../../ports/postgres.ts'
import { isAlive, killTree, pidExists, readProcess, signalProcess } from '../../system/proc.ts'
import { type Context, cancelled, DONE, failed } from '../context.ts'
import { readDirectoryState } from '../data/data-directory.ts'
import { warnOfExposedKey } from '../data/exposed-key.ts'
import { MIXED_REMEDY, whyMixed } from '../data/mixed-directory.ts'
import { noLongerCopy, noteLinks } from '../data/outside-directories.ts'
import { putBackOwnFiles } from '../data/own-files.ts'
import { unfinishedRewind } from '../data/unfinished-rewind.ts'
import { readinessOf } from '../look.ts'
import { warnOfSocketInside } from '../rewind/socket-inside.ts'
import { forgetSkippedTimelines } from '../wal/skipped-timelines.ts'
import { writeSettings } from '../write-settings.ts'
import { clearLeftovers } from './leftovers.ts'
import { readPidFile } from './postmaster.ts'
import { childEnvironment } from './programs.ts'
import { lastWords, openServerLog, type ServerLog } from './server-log.ts'

/** Between two looks at the status in postmaster.pid while the server starts. */
const READY_PACE_MS: Millis = 10
/** A connection is tried when the file says `ready`, and in any case this often: the file is only a hint. */
const ATTEMPT_PACE_MS: Millis = 500
const ATTEMPT_LIMIT_MS: Millis = 1000
/** Of a write into the state directory. */
const STATE_LIMIT_MS: Millis = 2000
/** A postmaster whose start was cancelled gets this long to obey SIGQUIT. */
const QUIT_GRACE_MS: Millis = 5000

export async function start(
  context: Context,
  options: StartOptions,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { kept, watch, log } = context
  kept.close()
  if (signal.aborted) return cancelled('the start')
  const running = await watch.find()
  if (running !== null) {
    log('warning', `start: PostgreSQL already runs with pid ${running.pid}`)
    return await waitUntilReady(context, running, options.timeoutMs, signal)
  }
  const directory = await readDirectoryState(context)
  if (directory.kind !== 'present') return failed(`cannot start: the data directory is ${directory.kind}`)
  const { majorVersion } = directory
  if (majorVersion === null) return failed('cannot start: PG_VERSION is missing or unreadable')
  const broken = await unfinishedRewind(context)
  if (broken !== null) return failed(`cannot start: ${broken}`)
  const mixed = await whyMixed(context)
  if (mixed !== null) return failed(`cannot start: ${mixed}`, MIXED_REMEDY)
  const forgotten = await forgetSkippedTimelines(context)
  if (!forgotten.ok) return failed(`cannot start: ${forgotten.why}`)
  await putBackOwnFiles(context)
  const [written, cleared] = await Promise.all([
    context.settingsWriters.run(() =>
      writeSettings(context, { role: options.as, upstream: options.upstream, majorVersion, stopped: true }),
    ),
    clearLeftovers(context),
  ])
  if (!written.ok) return written
  if (!cleared.ok) return cleared
  if (signal.aborted) return cancelled('the start')
  // Done before the server writes data that no other member has.
  if (options.as === 'primary') await noting(context, noLongerCopy(context), 'error')
  const launched = await launch(context, written.commandLine, options, signal)
  if (launched.ok) await noting(context, noteLinks(context, options.as), 'warning')
  return launched
}

/** In the state directory. A server need not wait for a disk that hangs and is not its own. */
async function noting(
  { clock, log }: Context,
  note: Promise<void>,
  level: 'warning' | 'error',
): Promise<void> {
  const noted = note.then(
    () => null,
    (error: unknown) => errorText(error),
  )
  const late = () => `the state directory has not answered for ${STATE_LIMIT_MS} ms`
  const problem = await inTime<string | null>(noted, STATE_LIMIT_MS, clock, late)
  if (problem !== null) log(level, problem)
}

async function launch(
  context: Context,
  commandLine: readonly string[],
  options: StartOptions,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const log = await openInTime(context)
  const { child, error } = await spawnPostmaster(context, commandLine, log?.fd ?? null)
  await log?.close()
  if (error !== null) return failed(`cannot start ${context.programs.path('postgres')}: ${error}`)
  const stat = await readProcess(child.pid ?? -1)
  if (stat === null) return failed(`the server ended at once${await lastWords(context, log)}`)
  const identity = { pid: stat.pid, startTicks: stat.startTicks }
  context.watch.started(identity, child)
  options.onSpawned?.(identity)
  // A disk that hangs must not keep the fencer from learning of it.
  void context.former.note(identity, context.dataDir, 'ours')
  const ready = await waitUntilReady(context, identity, options.timeoutMs, signal)
  if (ready.ok) return DONE
  if (ready.cancelled === true) await endStarting(context, identity)
  return { ...ready, why: `${ready.why}${await lastWords(context, log)}` }
}

/** null: there is none, or its disk does not take it. What comes too late is closed again. */
async function openInTime(context: Context): Promise<ServerLog | null> {
  const lost = (why: string): null => {
    context.log('warning', `what the server prints is lost: ${why}`)
    return null
  }
  let isLate = false
  const opening = openServerLog(context).then(
    async log => {
      if (isLate) await log?.close()
      return log
    },
    (error: unknown) => lost(errorText(error)),
  )
  return await inTime(opening, STATE_LIMIT_MS, context.clock, () => {
    isLate = true
    return lost(`its file could not be opened within ${STATE_LIMIT_MS} ms`)
  })
}

async function spawnPostmaster(context: Context, commandLine: readonly string[], logFd: number | null) {
  const { config, dataDir, programs } = context
  const configFile = join(config.configDir, `${config.configBaseName}.conf`)
  const { runAs } = programs
  const environment = { ...childEnvironment(), ...(await grandparent(context)) }
  const output = logFd ?? (context.serverLog === null ? 'inherit' : 'ignore')
  const child: ChildProcess = spawn(
    programs.path('postgres'),
    // A file may name another data directory (a copied one, its source's), and would win over -D.
    ['-D', dataDir, `--config-file=${configFile}`, `--data_directory=${dataDir}`, ...commandLine],
    {
      cwd: '/',
      detached: true,
      stdio: ['ignore', output, output],
      // The agent may be protected from the OOM killer; the backends must not be.
      env: { ...environment, PG_OOM_ADJUST_FILE: '/proc/self/oom_score_adj', PG_OOM_ADJUST_VALUE: '0' },
      ...(runAs === null ? {} : { uid: runAs.uid, gid: runAs.gid }),
    },
  )
  const error = await new Promise<string | null>(resolve => {
    child.once('spawn', () => resolve(null))
    child.once('error', problem => resolve(problem.message))
  })
  child.unref()
  if (error === null && child.pid !== undefined) resetPriority(child.pid)
  return { child, error }
}

/** A stale pid file may name a living process that is not ours: the server then has to be told to ignore it. */
async function grandparent(context: Context): Promise<Record<string, string>> {
  const file = await readPidFile(context.dataDir)
  // A dead postmaster that nobody reaped yet has its number still: PostgreSQL would take it for a running one.
  if (file === null || !pidExists(Math.abs(file.pid))) return {}
  return { PG_GRANDPARENT_PID: String(Math.abs(file.pid)) }
}

/** systemd may run the agent with a better priority than the database should have. */
function resetPriority(pid: number): void {
  try {
    if (getPriority() < 0) setPriority(pid, 0)
  } catch {
    // The process may already be gone; its end is noticed elsewhere.
  }
}

/** True when sessions are possible; a refused user or password also shows that. */
async function waitUntilReady(
  context: Context,
  identity: PostmasterIdentity,
  timeoutMs: Millis,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { clock, kept, log } = context
  const startMs = clock.bootMs()
  let attemptedMs = startMs
  for (;;) {
    if (signal.aborted) return cancelled('the start')
    if ((await saysReady(context, identity)) || clock.bootMs() - attemptedMs >= ATTEMPT_PACE_MS) {
      attemptedMs = clock.bootMs()
      const answer = await kept.query('SELECT 1', ATTEMPT_LIMIT_MS)
      if (!answer.ok && readinessOf(answer) === 'accepting') {
        log('warning', `PostgreSQL accepts connections, but not ours: ${answer.why}`)
      }
      if (readinessOf(answer) === 'accepting') return await started(context)
    }
    if (!(await isAlive(identity))) return failed('the server ended while it was starting')
    if (clock.bootMs() - startMs >= timeoutMs)
      return { ...failed(`not ready after ${timeoutMs} ms, still starting`), stillStarting: true }
    await clock.sleep(READY_PACE_MS, signal)
  }
}

/** Avoids attempts that the server would refuse, each with a FATAL line in its log. */
async function saysReady({ dataDir }: Context, identity: PostmasterIdentity): Promise<boolean> {
  const file = await readPidFile(dataDir)
  return file !== null && file.pid === identity.pid && file.status === 'ready'
}

async function started(context: Context): Promise<StepOutcome> {
  const { log, settings } = context
  await warnOfExposedKey(context)
  warnOfSocketInside(context)
  await settings.backUp().catch(error => log('warning', `settings not backed up: ${errorText(error)}`))
  return DONE
}

async function endStarting(context: Context, identity: PostmasterIdentity): Promise<void> {
  context.kept.close()
  await signalProcess(identity, 'SIGQUIT')
  if (await context.watch.ended(identity, QUIT_GRACE_MS)) return
  await killTree(identity)
  await context.watch.ended(identity, QUIT_GRACE_MS)
}
