// A new configuration for a server's adapter, in force and written at once: the agent does the two at different moments.

import type { EffectivePostgresql, PostgresqlConfig } from '../../../src/model/settings/config.ts'
import type { Postgres, StepOutcome } from '../../../src/ports/postgres.ts'

interface Configured {
  readonly rewriteAlways: boolean
  readonly accounts?: PostgresqlConfig['authentication']
}

export function configure(
  postgres: Pick<Postgres, 'use' | 'writeSettings'>,
  effective: EffectivePostgresql,
  { rewriteAlways, accounts }: Configured,
): Promise<StepOutcome> {
  postgres.use(effective, accounts)
  return postgres.writeSettings(rewriteAlways)
}
