// `hactl reinit`: copies a standby's data anew. The request only begins the copy, which is then followed until the
// member streams with a server that started after the request. A copy that ends in a start failure is a failure.

import type { Member } from '../../model/cluster/cluster.ts'
import type { BootMillis, MemberName, Millis } from '../../model/units.ts'
import { outcomeCode } from '../../wire/outcome-code.ts'
import type { Operator } from '../use-case.ts'
import { callMember, type OperationRow, refusedRow } from './member-operation.ts'
import { lookAt, type MemberStatus } from './member-status.ts'

export interface ReinitOptions {
  /** Cancels work that is in progress. */
  readonly force: boolean
  readonly fromLeader: boolean
  /** Called when work is in progress; true: cancel it. */
  readonly mayCancel: (member: MemberName, what: string) => Promise<boolean>
}

export interface BegunCopy {
  readonly member: Member
  readonly before: MemberStatus
  readonly atMs: BootMillis
}

/** Cancelling work may take a moment. */
const REQUEST_MS: Millis = 20_000

/** Returns a row if the copy was not begun. */
export async function beginCopy(
  operator: Operator,
  member: Member,
  options: ReinitOptions,
): Promise<BegunCopy | OperationRow> {
  const { name } = member
  const before = await lookAt(operator, member)
  if (!before.known) return { member: name, outcome: 'unreachable', why: before.why }
  const ask = (force: boolean) =>
    callMember(operator, member, {
      method: 'POST',
      path: '/reinitialize',
      body: { force, from_leader: options.fromLeader },
      timeoutMs: REQUEST_MS,
    })
  let atMs = operator.clock.bootMs()
  let reply = await ask(options.force)
  const busy = reply.kind === 'answered' && outcomeCode(reply) === 'busy' ? reply.body.trim() : null
  if (busy !== null && !options.force && (await options.mayCancel(name, busy))) {
    atMs = operator.clock.bootMs()
    reply = await ask(true)
  }
  if (reply.kind === 'unreachable')
    return { member: name, outcome: 'timed-out', why: `${reply.why}; it may have begun all the same` }
  if (reply.status === 200) return { member, before: before.value, atMs }
  return refusedRow(name, reply)
}
