// Copies of the data that a command would end: a member that steps down, restarts or drops its data stops its server,
// and every copy that is taken from it begins anew.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import type { Failure } from '../../model/command/failure.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import type { CommandRequest } from '../handover/handover-request.ts'
import type { HandoverPlan } from '../handover/plan.ts'
import type { Operator } from '../use-case.ts'
import { lookAt, type MemberWork } from './member-status.ts'

export interface EndangeredCopy {
  readonly member: MemberName
  readonly source: MemberName
  /** null: the total is not known. */
  readonly percent: number | null
}

const LOOK_LIMIT_MS: Millis = 2000

/** The copies that a handover ends: those from the leader, which steps down. */
export async function endangeredCopies(
  operator: Operator,
  { alreadySo, survey }: HandoverPlan,
): Promise<readonly EndangeredCopy[]> {
  const { leader, view } = survey
  return leader === null || alreadySo ? [] : copiesFrom(operator, view, [leader])
}

/** A member that does not name its source, as Patroni's members never do, blocks nothing. */
export async function copiesFrom(
  operator: Operator,
  { members }: ClusterView,
  sources: readonly MemberName[],
): Promise<readonly EndangeredCopy[]> {
  const copying = members.filter(({ record }) => record.state === 'creating replica')
  const looks = await Promise.all(
    copying.map(async member => ({ member, look: await lookAt(operator, member, LOOK_LIMIT_MS) })),
  )
  return looks.flatMap(({ member, look }) => {
    const work = look.known ? look.value.work : null
    const source = sources.find(name => name === work?.source && name !== member.name)
    if (work === null || source === undefined) return []
    return [{ member: member.name, source, percent: percentOf(work) }]
  })
}

/** Whole percent, below 100: PostgreSQL's estimate of the total may be less than what is copied in the end. */
export function percentOf({ bytesDone, bytesTotal }: MemberWork): number | null {
  if (bytesDone === null || bytesTotal === null || bytesTotal <= 0) return null
  return Math.min(99, Math.floor((bytesDone / bytesTotal) * 100))
}

/** `the copy of pg2 from pg1 (54 %)` */
export function copyText({ member, source, percent }: EndangeredCopy): string {
  return `the copy of ${member} from ${source}${percent === null ? '' : ` (${percent} %)`}`
}

/** Why a command that asks no question refuses, unless the operator accepts it. null: nothing is in the way. */
export function copiesInTheWay(
  { action, scheduledAt }: CommandRequest,
  { copies = [] }: HandoverPlan,
): (Failure & { readonly kind: 'refused' }) | null {
  // By the time of a scheduled handover, the copies of now are done, and others may have begun.
  return scheduledAt === null ? refusalFor(action, copies) : null
}

/** null: there are no copies. */
export function refusalFor(
  action: string,
  copies: readonly EndangeredCopy[],
): (Failure & { readonly kind: 'refused' }) | null {
  if (copies.length === 0) return null
  return {
    kind: 'refused',
    action,
    reason: `${copies.map(copyText).join(' and ')} would end and begin anew`,
    hint: 'wait for it (hactl list), or give it up with --accept-broken-copy.',
  }
}
