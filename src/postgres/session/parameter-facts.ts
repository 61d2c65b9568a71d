// The running server's facts about parameters, by name: for an operator who is about to change them.

import { nearestNames } from '../../model/command/nearest.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import {
  PARAMETER_NAMES_MAX,
  type ParameterAnswer,
  type ParameterFacts,
} from '../../model/server/parameter.ts'
import type { Millis } from '../../model/units.ts'
import type { ParameterCatalogue } from '../../ports/postgres.ts'
import type { Context } from '../context.ts'
import type { Row } from './connection.ts'

/** Names that a server accepts without listing them: obsolete names, and settings that SHOW ALL leaves out. */
const FACTS = `SELECT n.name AS asked, s.name, s.context, s.vartype, s.unit, s.min_val, s.max_val,
       pg_catalog.array_to_json(s.enumvals) AS enumvals,
       CASE WHEN s.vartype OPERATOR(pg_catalog.<>) 'string' THEN s.setting END AS setting,
       s.name IS NULL AND pg_catalog.current_setting(n.name, true) IS NOT NULL AS unlisted
  FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS n(name, place)
  LEFT JOIN pg_catalog.pg_settings s
    ON pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) pg_catalog.lower(n.name)
 ORDER BY n.place`

const NAMES = 'SELECT name FROM pg_catalog.pg_settings'

/** Uses the looks' connection, one query at a time, so that many clients cannot hold up a beat. */
export function parameterQuestions(context: Context): ParameterCatalogue['parameterFacts'] {
  let isBusy = false
  return async (names, limitMs) => {
    if (isBusy) return unseen('somebody else is asking')
    isBusy = true
    try {
      return await ask(context, names.slice(0, PARAMETER_NAMES_MAX), limitMs)
    } finally {
      isBusy = false
    }
  }
}

async function ask(
  { clock, kept }: Context,
  names: readonly string[],
  limitMs: Millis,
): Promise<Seen<ParameterAnswer>> {
  const atMs = clock.bootMs()
  // Only a look opens the connection: it knows whether there is a server.
  if (!kept.isOpen) return unseen('no connection to PostgreSQL is open')
  const facts = await kept.query(FACTS, limitMs, [names])
  if (!facts.ok) return unseen(facts.why)
  const missing = facts.rows.filter(row => row.name === null && row.unlisted !== true)
  const listed = missing.length === 0 ? null : await kept.query(NAMES, limitMs)
  const known = listed?.ok === true ? listed.rows.map(row => String(row.name)) : []
  const unknown = missing.map(({ asked }) => {
    const name = String(asked)
    return { name, similar: nearestNames(name, known) }
  })
  return seen({ parameters: facts.rows.filter(row => row.name !== null).map(factsOf), unknown }, atMs)
}

function factsOf(row: Row): ParameterFacts {
  const text = (value: unknown) => (value === null || value === undefined ? null : String(value))
  return {
    name: String(row.name),
    context: String(row.context),
    vartype: String(row.vartype),
    unit: text(row.unit),
    min: text(row.min_val),
    max: text(row.max_val),
    enumvals: Array.isArray(row.enumvals) ? row.enumvals.map(String) : null,
    setting: text(row.setting),
  }
}
