// A base backup whose agent died half way leaves files without a control file, in which no server can ever start. A mark
// beside the data directory says that they are ours to replace; without it they may be somebody's only trace of something.

import { access, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepOutcome } from '../ports/postgres.ts'
import { isThere } from './archive-ready.ts'
import { type Context, failed, messageOf } from './context.ts'
import { isUnfinishedBootstrap } from './unfinished-bootstrap.ts'

function pathOf(dataDir: string): string {
  return join(`${dataDir}.hactl`, 'copy-unfinished')
}

/** Carries `copy` out under the mark. It goes with any answer: a copy that fails cleans up behind itself. */
export async function markedCopy(context: Context, copy: () => Promise<StepOutcome>): Promise<StepOutcome> {
  const path = pathOf(context.dataDir)
  try {
    await mkdir(`${context.dataDir}.hactl`, { recursive: true, mode: 0o700 })
    await writeFile(path, 'a base backup into the data directory began and did not finish\n', { flush: true })
  } catch (error) {
    return failed(`no base backup: ${messageOf(error)}`)
  }
  const outcome = await copy()
  await rm(path, { force: true }).catch(error => context.log('error', messageOf(error)))
  return outcome
}

/**
 * pg_basebackup writes the control file last: with it the copy is whole, whatever the mark says. A bootstrap that died
 * before initdb wrote one is worth no more.
 */
export async function isUnfinishedCopy(dataDir: string): Promise<boolean> {
  if (!(await isThere(pathOf(dataDir))) && !(await isUnfinishedBootstrap(dataDir))) return false
  return await isMissing(join(dataDir, 'global', 'pg_control'))
}

/** A disk that does not let us look says nothing. */
async function isMissing(path: string): Promise<boolean> {
  return await access(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}
