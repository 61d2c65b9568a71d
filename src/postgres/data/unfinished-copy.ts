// A base backup whose agent died half way leaves files without a control file, in which no server can ever start. A
// mark (marks.ts) says that they are ours to replace; without it they may be somebody's only trace of something.

import { errorText } from '../../model/error-text.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { type Context, failed } from '../context.ts'
import { clearMark, setMark } from './marks.ts'

/** Runs `copy` under the mark, which is removed whatever the outcome: a failed copy cleans up after itself. */
export async function markedCopy(context: Context, copy: () => Promise<StepOutcome>): Promise<StepOutcome> {
  try {
    await setMark(
      context,
      'copy-unfinished',
      'a base backup into the data directory began and did not finish',
    )
  } catch (error) {
    return failed(`no base backup: ${errorText(error)}`)
  }
  const outcome = await copy()
  await clearMark(context, 'copy-unfinished').catch(error => context.log('error', errorText(error)))
  return outcome
}
