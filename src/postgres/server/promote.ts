// Promotion: request it, then watch the kept session until the server reports that it is out of recovery.

import { errorText } from '../../model/error-text.ts'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Millis } from '../../model/units.ts'
import { inTime } from '../../ports/clock.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { failureOf } from '../../system/child-process.ts'
import { type Context, cancelled, DONE, failed } from '../context.ts'
import { noLongerCopy } from '../data/outside-directories.ts'

const PACE_MS: Millis = 10
const ASK_LIMIT_MS: Millis = 2000
const NOTES_LIMIT_MS: Millis = 500

export async function promote(
  context: Context,
  timeoutMs: Millis,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { clock, kept, watch } = context
  if (signal.aborted) return cancelled('the promotion')
  const running = await watch.find()
  if (running === null) return failed('cannot promote: PostgreSQL is not running')
  await inTime(notes(context, running), NOTES_LIMIT_MS, clock, () => undefined)
  const startMs = clock.bootMs()
  await resumeReplay(context)
  const asked = await ask(context)
  if (asked !== null) return failed(asked)
  for (;;) {
    const answer = await kept.query('SELECT pg_catalog.pg_is_in_recovery() AS recovering', ASK_LIMIT_MS)
    if (answer.ok && answer.rows[0]?.recovering === false) {
      context.state.upstream = null
      return DONE
    }
    if (signal.aborted) return cancelled('the promotion')
    if ((await watch.find()) === null) return failed('the server ended during the promotion')
    if (clock.bootMs() - startMs >= timeoutMs)
      return failed(`still in recovery ${timeoutMs} ms after the promotion`)
    await clock.sleep(PACE_MS, signal)
  }
}

/** In the state directory. A cluster without a primary does not wait for a disk that hangs: this agent remembers both. */
async function notes(context: Context, running: PostmasterIdentity): Promise<void> {
  await context.former.note(running, `/proc/${running.pid}/cwd`, 'ours')
  await noLongerCopy(context).catch(error => context.log('error', errorText(error)))
}

/** Before version 13 a promotion waits for as long as an operator has paused the replay. */
async function resumeReplay({ kept }: Context): Promise<void> {
  await kept.query(
    `SELECT CASE WHEN pg_catalog.current_setting('server_version_num')::int < 130000
        AND pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_wal_replay_resume() END`,
    ASK_LIMIT_MS,
  )
}

/** By SQL, which needs no child process; by pg_ctl when no session can be opened. Null: requested. */
async function ask(context: Context): Promise<string | null> {
  const { kept, programs, dataDir } = context
  const answer = await kept.query(
    'SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_promote(false) ELSE true END AS asked',
    ASK_LIMIT_MS,
  )
  if (answer.ok && answer.rows[0]?.asked === true) return null
  const result = await programs.run('pg_ctl', ['promote', '-D', dataDir, '-W'], { timeoutMs: ASK_LIMIT_MS })
  return failureOf('pg_ctl promote', result)
}
