// The adapter for SQL, loaded only by the command that needs it.

import type { Clock } from '../ports/clock.ts'
import type { SqlPort } from '../ports/sql.ts'

export async function loadSql(clock: Clock): Promise<SqlPort> {
  const { runSql } = await import('../sql/run.ts')
  return { run: (...options) => runSql(clock, ...options) }
}
