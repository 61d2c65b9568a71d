// A base backup whose agent died half way leaves files without a control file, in which no server can ever start. A mark
// (marks.ts) says that they are ours to replace; without it they may be somebody's only trace of something.

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepOutcome } from '../ports/postgres.ts'
import { type Context, failed, messageOf } from './context.ts'
import { clearMark, findMark, type Places, setMark } from './marks.ts'
import { isUnfinishedBootstrap } from './unfinished-bootstrap.ts'

/** Carries `copy` out under the mark. It goes with any answer: a copy that fails cleans up behind itself. */
export async function markedCopy(context: Context, copy: () => Promise<StepOutcome>): Promise<StepOutcome> {
  try {
    await setMark(
      context,
      'copy-unfinished',
      'a base backup into the data directory began and did not finish',
    )
  } catch (error) {
    return failed(`no base backup: ${messageOf(error)}`)
  }
  const outcome = await copy()
  await clearMark(context, 'copy-unfinished').catch(error => context.log('error', messageOf(error)))
  return outcome
}

/**
 * pg_basebackup writes the control file last: with it the copy is whole, whatever the mark says. A bootstrap that died
 * before initdb wrote one is worth no more.
 */
export async function isUnfinishedCopy(places: Places): Promise<boolean> {
  const marked = (await findMark(places, 'copy-unfinished')) !== null
  if (!marked && !(await isUnfinishedBootstrap(places))) return false
  return await isMissing(join(places.dataDir, 'global', 'pg_control'))
}

/** A disk that does not let us look says nothing. */
async function isMissing(path: string): Promise<boolean> {
  return await access(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}
