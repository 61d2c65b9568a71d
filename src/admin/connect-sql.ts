// The adapter for SQL, loaded only by the command that needs it.

import type { Clock } from '../ports/clock.ts'
import type { SqlPort } from '../ports/sql.ts'
import { userName } from '../system/user-name.ts'

export async function loadSql(clock: Clock): Promise<SqlPort> {
  const { runSql } = await import('../sql/run.ts')
  // pg takes the name from $USER, which may not be there, and libpq from the password file.
  const ownName = process.env.PGUSER === undefined ? userName() : null
  return {
    run: (target, ...wish) => runSql(clock, { ...target, user: target.user ?? ownName }, ...wish),
  }
}
