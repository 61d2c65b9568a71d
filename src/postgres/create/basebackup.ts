// A copy of another member's data with pg_basebackup (spec/postgres.md 3.5). Two attempts; each begins with an empty
// directory, and a failed one leaves an empty directory.

import type { Upstream } from '../../model/cluster/peer.ts'
import { errorText } from '../../model/error-text.ts'
import type { InitdbOption } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'
import type { Report, StepOutcome } from '../../ports/postgres.ts'
import { failureOf } from '../../system/child-process.ts'
import { type Context, cancelled, DONE, failed } from '../context.ts'
import { forgetOrigins } from '../data/noted-origins.ts'
import { noteLinks } from '../data/outside-directories.ts'
import { emptyDataDirectory } from '../data/removal.ts'
import { optionArguments } from '../server/command-line.ts'
import { prepareCopyPlaces } from './copy-places.ts'
import { remedyOf } from './remedies.ts'

const ATTEMPTS = 2
const BETWEEN_ATTEMPTS_MS: Millis = 5000
/** Options that we set ourselves, and options whose result is not a data directory. */
const FORBIDDEN = [
  ...[
    'pgdata',
    'format',
    'wal-method',
    'xlog-method',
    'gzip',
    'version',
    'dbname',
    'host',
    'port',
    'username',
  ],
  ...['password', 'write-recovery-conf', 'progress'],
]

export async function basebackup(
  context: Context,
  from: Upstream,
  signal: AbortSignal,
  report: Report,
): Promise<StepOutcome> {
  const { clock, log } = context
  let last: StepOutcome = failed('no attempt was made')
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (attempt > 1) await clock.sleep(BETWEEN_ATTEMPTS_MS, signal)
    if (signal.aborted) return cancelled('the base backup')
    await noteLinks(context, 'removed').catch(error => log('warning', errorText(error)))
    const emptied = await emptyDataDirectory(context)
    if (!emptied.ok) return attempt === 1 ? emptied : afterwards(last, emptied)
    last = await copy(context, from, signal, report)
    if (last.ok) {
      // The source may have a note that this node left there in an earlier role.
      await forgetOrigins(context).catch(error => log('error', errorText(error)))
      await context.settings.restoreBackups().catch(error => log('warning', errorText(error)))
      return DONE
    }
    // Only the decision logs the final failure, so it is logged once.
    log('info', `base backup from ${from.name}, attempt ${attempt}: ${last.why}`)
    const cleaned = await emptyDataDirectory(context)
    if (!cleaned.ok) log('error', cleaned.why)
    if (last.cancelled === true || last.remedy !== undefined) return last
  }
  return last
}

/** Keeps the first attempt's reason when the second attempt cannot be made. */
function afterwards(first: StepOutcome, second: StepOutcome): StepOutcome {
  if (first.ok || second.ok) return second
  return failed(`${first.why}; ${second.why}`, second.remedy)
}

async function copy(
  context: Context,
  from: Upstream,
  signal: AbortSignal,
  report: Report,
): Promise<StepOutcome> {
  const { access, dataDir, log, programs, state } = context
  const wanted = state.effective.basebackup
  const options = optionArguments(wanted.filter(isCompressionOnServer), FORBIDDEN, why => log('warning', why))
  // Without it the source may spread its checkpoint over minutes before the first byte is copied.
  const checkpoint = wanted.some(option => option.name === 'checkpoint') ? [] : ['--checkpoint=fast']
  report({ phase: 'waiting for the source' })
  let places: readonly string[]
  try {
    places = await prepareCopyPlaces(context, from, options)
  } catch (error) {
    return failed(`no base backup: ${errorText(error)}`)
  }
  return await access.withConninfo({ as: 'replication', to: from }, async (conninfo, env) => {
    const result = await programs.run(
      'pg_basebackup',
      [
        `--pgdata=${dataDir}`,
        '-X',
        'stream',
        '--progress',
        `--dbname=${conninfo}`,
        ...checkpoint,
        ...options,
        ...places,
      ],
      { timeoutMs: null, signal, env, onLine: line => reportCopied(line, report) },
    )
    if (result.kind === 'aborted') return cancelled('the base backup')
    const why = failureOf('pg_basebackup', result)
    const place = { source: from.name, user: context.config.authentication.replication.username }
    return why === null ? DONE : failed(why, remedyOf(why, place))
  })
}

/** Compression by the client would need a tar file. */
function isCompressionOnServer(option: InitdbOption): boolean {
  return option.name !== 'compress' || option.value?.startsWith('server') === true
}

/** `  4096/40960 kB (10%), 0/1 tablespace`, also printed by pg_rewind (without tablespaces). */
export function reportCopied(line: string, report: Report): void {
  const match = /^\s*(\d+)\/(\d+) kB \(\s*\d+%\)/.exec(line)
  if (match === null) return
  report({ phase: 'copying', doneBytes: Number(match[1]) * 1024, totalBytes: Number(match[2]) * 1024 })
}
