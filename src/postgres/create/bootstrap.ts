// A new cluster (spec/postgres.md 3.2, 3.4): initdb before the first start; roles, grants and the operator's
// post_bootstrap command after it.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { BootstrapConfig } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'
import type { Report, StepOutcome } from '../../ports/postgres.ts'
import { failureOf } from '../../system/child-process.ts'
import { type Context, cancelled, DONE, failed } from '../context.ts'
import { readDirectoryState } from '../data/data-directory.ts'
import { findMarks } from '../data/marks.ts'
import { emptyDataDirectory, prepareDataDirectory } from '../data/removal.ts'
import { markBootstrap, unmarkBootstrap } from '../data/unfinished-bootstrap.ts'
import { unmarkRewind } from '../data/unfinished-rewind.ts'
import { optionArguments, splitCommand } from '../server/command-line.ts'
import { endOrphanedPrograms } from '../server/leftovers.ts'
import { withPrivateFolder } from '../server/private-folder.ts'
import { chownToServerUser } from '../server/run-as.ts'
import { type Session, type SqlFailure, withSession } from '../session/connection.ts'
import {
  createOrAlterRole,
  grantRewind,
  otherWantedRoles,
  QUIET_SESSION,
  separateRewindUser,
  wantedSuperuser,
} from '../session/roles.ts'

const FORBIDDEN = ['pgdata', 'nosync', 'pwfile', 'sync-only', 'version', 'username']
const ROLES_LIMIT_MS: Millis = 30_000

export async function initdb(context: Context, signal: AbortSignal, report: Report): Promise<StepOutcome> {
  const { bootstrap, programs, stateDirectory } = context
  if (bootstrap === null) return failed('no bootstrap section: this node may not create a cluster')
  const refused: string[] = []
  const options = optionArguments(bootstrap.initdb, FORBIDDEN, why => refused.push(why))
  if (refused.length > 0) return failed(`initdb: ${refused.join(', ')}`)
  report({ phase: 'initdb' })
  try {
    await endOrphanedPrograms(context)
    const emptied = await clearBrokenOff(context)
    if (!emptied.ok) return emptied
    await markBootstrap(context)
    await prepareDataDirectory(context)
    await unmarkRewind(context)
    return await withPrivateFolder(stateDirectory, programs.runAs, folder =>
      create(context, bootstrap, options, folder, signal),
    )
  } catch (error) {
    return failed(`initdb: ${errorText(error)}`)
  } finally {
    await forgetEmpty(context).catch(error => context.log('warning', errorText(error)))
  }
}

async function create(
  context: Context,
  bootstrap: BootstrapConfig,
  options: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { config, dataDir, programs, settings } = context
  const { superuser } = config.authentication
  const user = superuser === null ? [] : [`--username=${superuser.username}`]
  const password = await passwordFile(context, folder, superuser?.password ?? null)
  const result = await programs.run('initdb', [...options, ...user, ...password, dataDir], {
    // Collation and encoding of the databases come from it, unless an option names them.
    locale: 'operator',
    timeoutMs: null,
    signal,
  })
  if (result.kind === 'aborted') return cancelled('initdb')
  const why = failureOf('initdb', result)
  if (why !== null) return failed(why)
  await warnOfTrust(context)
  await settings.appendBootstrapHba(bootstrap.pgHba)
  await settings.backUp()
  return DONE
}

/** Without an option initdb trusts whoever is on the machine, and its lines come before those of bootstrap.pg_hba. */
async function warnOfTrust({ dataDir, log, state }: Context): Promise<void> {
  const { parameters, pgHba } = state.effective
  if ((pgHba ?? []).length > 0 || parameters.hba_file !== undefined) return
  // Nothing is warned of where there is nothing to read: the start will say why.
  const made = await readFile(join(dataDir, 'pg_hba.conf'), 'utf8').catch(() => '')
  if (!/^(?:local|host)\s.*\strust\s*$/m.test(made)) return
  log(
    'warning',
    'the pg_hba.conf that initdb made lets every user of this machine log in as any role without a password ' +
      '(trust), the superuser included. HINT: Set postgresql.pg_hba, or before a cluster is created ' +
      'auth: scram-sha-256 among the options of bootstrap.initdb.',
  )
}

/** initdb cleans up after its own failure, so whatever is in the directory afterwards is an operator's. */
async function forgetEmpty(context: Context): Promise<void> {
  if ((await readDirectoryState(context)).kind === 'empty') await unmarkBootstrap(context)
}

/**
 * Removes the remains of an initdb or a base backup without a control file: initdb refuses a directory that is not
 * empty.
 */
async function clearBrokenOff(context: Context): Promise<StepOutcome> {
  const directory = await readDirectoryState(context)
  // If the bootstrap is broken off this early, the directory is reported as empty.
  const isOurs =
    directory.kind === 'empty' || (directory.kind === 'present' && directory.unfinished === 'copy')
  const marks = isOurs ? await findMarks(context) : []
  return marks.some(mark => mark !== 'rewind-unfinished') ? await emptyDataDirectory(context) : DONE
}

/** initdb reads one line; the file exists only while it runs. */
async function passwordFile(context: Context, directory: string, password: string | null): Promise<string[]> {
  if (password === null || password === '') return []
  if (/[\r\n]/.test(password)) throw new Error('the superuser password holds a line break')
  const path = join(directory, 'password')
  await writeFile(path, `${password}\n`, { mode: 0o600 })
  await chownToServerUser(path, context.programs.runAs)
  return [`--pwfile=${path}`]
}

export async function finishBootstrap(
  context: Context,
  signal: AbortSignal,
  report: Report,
): Promise<StepOutcome> {
  report({ phase: 'creating roles' })
  const superuser = wantedSuperuser(context.config)
  const first = await withRoles(context, signal, async session =>
    superuser === null ? null : await createOrAlterRole(session, superuser),
  )
  if (first !== null) return stepFailed(first, signal)
  const command = context.bootstrap?.postBootstrap ?? null
  if (command !== null) {
    report({ phase: 'post_bootstrap' })
    const ran = await runPostBootstrap(context, command, signal)
    if (!ran.ok) return ran
  }
  report({ phase: 'creating roles' })
  const rest = await withRoles(context, signal, async session => {
    for (const role of otherWantedRoles(context.config)) {
      const why = await createOrAlterRole(session, role)
      if (why !== null) return why
    }
    const rewind = separateRewindUser(context.config)
    return rewind === null ? null : await grantRewind(session, rewind.username)
  })
  if (rest !== null) return stepFailed(rest, signal)
  return await unmarkBootstrap(context).then(
    () => DONE,
    error => failed(`the mark of the bootstrap stays: ${errorText(error)}`),
  )
}

/** Null: done. */
async function withRoles(
  context: Context,
  signal: AbortSignal,
  task: (session: Session) => Promise<string | null>,
): Promise<string | null> {
  const target = await context.access.local('hactl bootstrap', QUIET_SESSION)
  const outcome = await withSession<string | null | SqlFailure>(target, ROLES_LIMIT_MS, task, signal)
  return outcome === null || typeof outcome === 'string' ? outcome : outcome.why
}

function stepFailed(why: string, signal: AbortSignal): StepOutcome {
  return signal.aborted ? cancelled('the bootstrap') : failed(why)
}

/** With the connection string of the superuser as its last argument, and the password in a file. */
async function runPostBootstrap(
  context: Context,
  command: string,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { access, programs } = context
  const [program, ...args] = splitCommand(command) ?? []
  if (program === undefined) return failed('post_bootstrap is not a command line: a quote is not closed')
  return await access.withConninfo({ as: 'superuser', to: null }, async (conninfo, env) => {
    const quoted = [program, ...args, conninfo].map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const PGOPTIONS = '-c synchronous_commit=local -c statement_timeout=0'
    const result = await programs.shell(`exec ${quoted}`, {
      timeoutMs: null,
      signal,
      env: { ...env, PGOPTIONS },
    })
    if (result.kind === 'aborted') return cancelled('post_bootstrap')
    const why = failureOf('post_bootstrap', result)
    return why === null ? DONE : failed(why)
  })
}
