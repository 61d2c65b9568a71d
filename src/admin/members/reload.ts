// `hactl reload`: asks each member's agent to read its configuration again. The agent confirms the request and reads
// with its next beat. The command does not wait for that, because an agent does not report it.

import type { Member } from '../../model/cluster/cluster.ts'
import type { Millis } from '../../model/units.ts'
import type { Deadline, Operator } from '../use-case.ts'
import { callMember, type OperationRow, refusedRow } from './member-operation.ts'

const MEMBER_TIMEOUT_MS: Millis = 3000

/** Asks all at once, so that a silent member delays nobody. */
export async function reloadMembers(
  operator: Operator,
  members: readonly Member[],
  loopWaitSeconds: number,
  deadline: Deadline,
): Promise<readonly OperationRow[]> {
  const timeoutMs = Math.min(MEMBER_TIMEOUT_MS, deadline.leftMs())
  return Promise.all(
    members.map(async (member): Promise<OperationRow> => {
      const reply = await callMember(operator, member, { method: 'POST', path: '/reload', timeoutMs })
      if (reply.kind === 'unreachable') return { member: member.name, outcome: 'unreachable', why: reply.why }
      if (reply.status === 200)
        return { member: member.name, outcome: 'already', why: 'no changes to apply', reply }
      if (reply.status !== 202) return refusedRow(member.name, reply)
      const why = `its agent took the request, and reads its configuration within ${loopWaitSeconds} s`
      return { member: member.name, outcome: 'requested', why, withinSeconds: loopWaitSeconds, reply }
    }),
  )
}
