// Does the agent of a member answer at all? Any HTTP answer is a sign of life.

import type { Member } from '../../model/cluster/cluster.ts'
import type { Millis } from '../../model/units.ts'
import type { Operator } from '../use-case.ts'

/** null: it answers; otherwise what went wrong. */
export async function signOfLife(
  operator: Operator,
  { name, record }: Member,
  timeoutMs: Millis,
): Promise<string | null> {
  if (record.apiUrl === null) return 'its member key has no api_url'
  const reply = await operator.members.call(
    { name, apiUrl: record.apiUrl },
    { method: 'GET', path: '/liveness', timeoutMs },
  )
  return reply.kind === 'answered' ? null : reply.why
}
