// Does the agent of a member answer at all? Any HTTP answer is a sign of life, if not of a healthy one.

import type { Member } from '../../model/cluster/cluster.ts'
import type { Millis } from '../../model/units.ts'
import { AGENT_HANGS } from '../../wire/outcome-code.ts'
import type { Operator } from '../use-case.ts'

export interface Sign {
  /** null: it answers; otherwise what went wrong. */
  readonly silent: string | null
  /** It answers from what it last saw: a step of its beat does not come back. */
  readonly hangs: boolean
}

export async function signOf(operator: Operator, { name, record }: Member, timeoutMs: Millis): Promise<Sign> {
  if (record.apiUrl === null) return { silent: 'its member key has no api_url', hangs: false }
  const reply = await operator.members.call(
    { name, apiUrl: record.apiUrl },
    { method: 'GET', path: '/liveness', timeoutMs },
  )
  return reply.kind === 'answered'
    ? { silent: null, hangs: reply.code === AGENT_HANGS }
    : { silent: reply.why, hangs: false }
}

/** null: it answers; otherwise what went wrong. */
export async function signOfLife(
  operator: Operator,
  member: Member,
  timeoutMs: Millis,
): Promise<string | null> {
  return (await signOf(operator, member, timeoutMs)).silent
}
