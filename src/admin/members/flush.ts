// `hactl flush`: cancels what is scheduled. A restart is cancelled by its own member. A switchover concerns the
// cluster, and is withdrawn through any member that answers, or in etcd itself, by its revision.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import type { Deadline, Operator } from '../use-case.ts'
import { callMember, type OperationRow, refusedRow } from './member-operation.ts'

export interface FlushReport {
  readonly cluster: string
  readonly action: 'flush switchover'
  readonly outcome: 'done' | 'already'
  /** What was withdrawn; null: nothing was scheduled. */
  readonly withdrawn: {
    readonly at: string
    readonly from: MemberName | null
    readonly to: MemberName | null
  } | null
  /** `rest:pg0` or `etcd`; null: nobody was asked. */
  readonly through: string | null
  /** Members that were asked first and did not answer. */
  readonly silent: readonly { readonly member: MemberName; readonly why: string }[]
}

const MEMBER_TIMEOUT_MS: Millis = 3000

export async function flushRestarts(
  operator: Operator,
  members: readonly Member[],
): Promise<readonly OperationRow[]> {
  return Promise.all(
    members.map(async (member): Promise<OperationRow> => {
      const { name, record } = member
      if (record.scheduledRestart === undefined)
        return { member: name, outcome: 'already', why: 'no restart is scheduled' }
      const request = { method: 'DELETE', path: '/restart', timeoutMs: MEMBER_TIMEOUT_MS } as const
      const reply = await callMember(operator, member, request)
      if (reply.kind === 'unreachable') return { member: name, outcome: 'unreachable', why: reply.why }
      if (reply.status === 404)
        return { member: name, outcome: 'already', why: 'no restart is scheduled', reply }
      if (reply.status !== 200) return refusedRow(name, reply)
      return { member: name, outcome: 'done', why: null, reply }
    }),
  )
}

export async function flushSwitchover(
  operator: Operator,
  cluster: string,
  view: ClusterView,
  deadline: Deadline,
): Promise<Result<FlushReport>> {
  const { failover, leader } = view
  const scheduledAt = failover?.value.scheduledAt ?? null
  const base = { cluster, action: 'flush switchover', silent: [] } as const
  if (failover === null || scheduledAt === null)
    return done({ ...base, outcome: 'already', withdrawn: null, through: null })
  const withdrawn = { at: scheduledAt.text, from: failover.value.leader, to: failover.value.candidate }
  const rank = ({ name }: Member) => (name === leader?.name ? 0 : 1)
  const silent: { member: MemberName; why: string }[] = []
  for (const member of view.members.toSorted((a, b) => rank(a) - rank(b))) {
    const timeoutMs = Math.min(MEMBER_TIMEOUT_MS, deadline.leftMs())
    const reply = await callMember(operator, member, { method: 'DELETE', path: '/switchover', timeoutMs })
    const through = `rest:${member.name}`
    if (reply.kind === 'answered' && reply.status === 200)
      return done({ ...base, outcome: 'done', withdrawn, through, silent })
    if (reply.kind === 'answered' && reply.status === 404)
      return done({ ...base, outcome: 'already', withdrawn: null, through, silent })
    const why = reply.kind === 'unreachable' ? reply.why : refusedRow(member.name, reply).why
    silent.push({ member: member.name, why: why ?? '' })
  }
  const outcome = await operator.store.writeFailover(cluster, null, failover.modRevision, deadline.leftMs())
  if (outcome.kind === 'done') return done({ ...base, outcome: 'done', withdrawn, through: 'etcd', silent })
  return failed(storeFailure(cluster, outcome))
}

function storeFailure(
  cluster: string,
  outcome: {
    readonly kind: 'refused' | 'unreachable'
    readonly why: string
    readonly mayBeWritten?: boolean
  },
): Failure {
  const look = `hactl list ${cluster}`
  if (outcome.kind === 'refused') {
    const what = `the scheduled switchover of cluster ${cluster} was changed by somebody else meanwhile`
    return { kind: 'conflict', what, hint: `look at it with ${look}, then try again.` }
  }
  const what = 'the scheduled switchover may have been withdrawn all the same'
  return {
    kind: 'store-unreachable',
    why: outcome.why,
    mayBeDone: outcome.mayBeWritten === true ? { what, look } : null,
  }
}
