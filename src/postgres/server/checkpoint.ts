// A CHECKPOINT that nobody waits for.

import type { Millis } from '../../model/units.ts'
import type { Context } from '../context.ts'
import { queryOnce } from '../session/connection.ts'

/** As long as the disks need. */
const LIMIT_MS: Millis = 3_600_000

export async function runCheckpoint({ access, log }: Context, signal: AbortSignal): Promise<void> {
  const target = await access.local('hactl checkpoint', { statement_timeout: '0' })
  const done = await queryOnce(target, 'CHECKPOINT', LIMIT_MS, signal)
  if (!done.ok && done.kind !== 'cancelled') log('warning', `CHECKPOINT failed: ${done.why}`)
}
