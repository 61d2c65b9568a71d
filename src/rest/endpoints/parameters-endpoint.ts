// GET /parameters?names=a,b: what this member's PostgreSQL says about parameters that are to be changed. Patroni has no
// such endpoint.

import { PARAMETER_NAME, PARAMETER_NAMES_MAX } from '../../model/server/parameter.ts'
import type { Millis } from '../../model/units.ts'
import { encodeJson } from '../../wire/python-json.ts'
import type { Context } from '../endpoint-context.ts'
import { json, type Reply, text } from '../reply.ts'

/** `edit-config` waits two seconds. */
const LIMIT_MS: Millis = 700

export async function getParameters(context: Context): Promise<Reply> {
  const names = (context.target.query.get('names') ?? '').split(',').filter(name => name !== '')
  if (names.length === 0) return text(400, 'name the parameters: ?names=a,b')
  if (names.length > PARAMETER_NAMES_MAX) return text(400, `more than ${PARAMETER_NAMES_MAX} names`)
  if (!names.every(name => PARAMETER_NAME.test(name))) return text(400, 'not the name of a parameter')
  const answer = await context.parameters(names, LIMIT_MS)
  if (!answer.known) return text(503, `PostgreSQL was not asked: ${answer.why}`)
  const parameters = answer.value.parameters.map(({ min, max, ...rest }) => ({
    ...rest,
    min_val: min,
    max_val: max,
  }))
  return json(200, encodeJson({ parameters, unknown: answer.value.unknown }))
}
