// Physical replication slots that other members need on this node (spec/postgres.md 5.5): created with their WAL
// reserved, moved forward, dropped when nobody uses them.

import type { Millis } from '../../model/units.ts'
import { formatLsn } from '../../model/units.ts'
import type { SlotChanges, StepOutcome } from '../../ports/postgres.ts'
import { type Context, DONE, failed } from '../context.ts'
import { type SqlFailure, withSession } from './connection.ts'

/** A beat waits for this. */
const LIMIT_MS: Millis = 5000
const NAME = /^[a-z0-9_]{1,63}$/

/** Makes every possible change; the outcome lists the failed ones. */
export async function changeSlots(context: Context, changes: SlotChanges): Promise<StepOutcome> {
  const statements = statementsFor(changes)
  if (statements.length === 0) return DONE
  const target = await context.access.local('hactl slots')
  const outcome = await withSession<readonly string[] | SqlFailure>(target, LIMIT_MS, async session => {
    const problems: string[] = []
    for (const { name, sql } of statements) {
      const answer = sql === null ? null : await session.query(sql)
      if (answer === null) problems.push(`"${name}" is not a slot name`)
      else if (!answer.ok) problems.push(`slot ${name}: ${answer.why}`)
    }
    return problems
  })
  if ('ok' in outcome) return failed(`slots: ${outcome.why}`)
  return outcome.length === 0 ? DONE : failed(outcome.join('; '))
}

function statementsFor(
  changes: SlotChanges,
): readonly { readonly name: string; readonly sql: string | null }[] {
  const valid = (name: string, sql: string) => ({ name, sql: NAME.test(name) ? sql : null })
  const from = (name: string) => `FROM pg_catalog.pg_replication_slots WHERE slot_name = '${name}'`
  return [
    ...changes.drop.map(name =>
      valid(name, `SELECT pg_catalog.pg_drop_replication_slot(slot_name) ${from(name)} AND NOT active`),
    ),
    ...changes.create.map(name =>
      valid(
        name,
        `SELECT pg_catalog.pg_create_physical_replication_slot('${name}', true) WHERE NOT EXISTS (SELECT ${from(name)})`,
      ),
    ),
    ...changes.advance.map(({ name, to }) =>
      valid(
        name,
        `SELECT pg_catalog.pg_replication_slot_advance(slot_name, '${formatLsn(to)}') ${from(name)} ` +
          `AND slot_type = 'physical' AND NOT active AND restart_lsn < '${formatLsn(to)}'`,
      ),
    ),
  ]
}
