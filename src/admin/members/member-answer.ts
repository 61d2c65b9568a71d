// A member's answer about itself, for commands that judge a whole cluster. It comes from Patroni or hactl; fields that
// it lacks are null.

import type { Member } from '../../model/cluster/cluster.ts'
import type { Lsn, Millis, Timeline } from '../../model/units.ts'
import { parseStatusAnswer } from '../../wire/status-answer.ts'
import type { Operator } from '../use-case.ts'

interface MemberAnswer {
  readonly state: string
  readonly role: string
  readonly streams: boolean
  readonly timeline: Timeline | null
  /** On a primary the position where it writes, on a standby the one that it has replayed. */
  readonly position: Lsn | null
  /** What its agent says is wrong, newer than its member key; null: nothing, or it runs Patroni. */
  readonly problem: string | null
}

export type Asked =
  | { readonly answer: MemberAnswer; readonly why: null }
  | { readonly answer: null; readonly why: string }

export async function askMember(
  operator: Operator,
  { name, record }: Member,
  timeoutMs: Millis,
): Promise<Asked> {
  if (record.apiUrl === null) return { answer: null, why: 'its member key has no api_url' }
  const reply = await operator.members.call(
    { name, apiUrl: record.apiUrl },
    { method: 'GET', path: '/patroni', timeoutMs },
  )
  if (reply.kind === 'unreachable') return { answer: null, why: reply.why }
  const answer = readAnswer(reply.body)
  return answer === null
    ? { answer: null, why: `its answer (status ${reply.status}) is no status document` }
    : { answer, why: null }
}

function readAnswer(body: string): MemberAnswer | null {
  const answer = parseStatusAnswer(body)
  if (answer === null || answer.state === null || answer.role === null) return null
  const { state, role, timeline, positions } = answer
  const at = positions?.written ?? positions?.replayed ?? null
  return {
    state,
    role,
    streams: answer.replicationState === 'streaming',
    timeline,
    position: at === 0n ? null : at,
    problem: typeof answer.hactl?.problem === 'string' ? answer.hactl.problem : null,
  }
}
