// `hactl restart` of several members: one after the other, the standbys before the leader. If one does not come back,
// the others are left alone, because the next one might be the last that serves.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { readServerVersion, serverVersionText } from '../../model/server/server-version.ts'
import type { Operator } from '../use-case.ts'
import type { OperationRow } from './member-operation.ts'
import { isInService, lookAt, stateText } from './member-status.ts'
import { type Following, type RestartOptions, restartMember, scheduledAt } from './restart.ts'

export function leaderLast(members: readonly Member[], view: ClusterView): readonly Member[] {
  const rank = ({ name }: Member) => (name === view.leader?.name ? 1 : 0)
  return members.toSorted((a, b) => rank(a) - rank(b))
}

/** `onRow` is called after each member. */
export async function restartMembers(
  operator: Operator,
  members: readonly Member[],
  options: RestartOptions,
  following: Following,
  onRow: (row: OperationRow) => void,
): Promise<readonly OperationRow[]> {
  const rows: OperationRow[] = []
  let broken: OperationRow | undefined
  for (const member of members) {
    const row: OperationRow = following.interrupted.aborted
      ? { member: member.name, outcome: 'left', why: 'interrupted', interrupted: true }
      : broken !== undefined && options.schedule === null
        ? { member: member.name, outcome: 'left', why: `${broken.member} did not come back` }
        : await restartMember(operator, member, options, following)
    if (row.outcome === 'failed' || row.outcome === 'timed-out') broken = row
    onRow(row)
    rows.push(row)
  }
  return rows
}

/** A dry run: asks each member for its status, and does nothing else. */
export async function planRestart(
  operator: Operator,
  members: readonly Member[],
  options: RestartOptions,
  view: ClusterView,
): Promise<readonly OperationRow[]> {
  return Promise.all(
    members.map(async (member): Promise<OperationRow> => {
      const { name } = member
      const look = await lookAt(operator, member)
      if (!look.known) return { member: name, outcome: 'unreachable', why: look.why }
      const status = look.value
      const limit = options.olderThan === null ? null : readServerVersion(options.olderThan)
      if (limit?.ok === true && status.serverVersion !== null && status.serverVersion >= limit.number) {
        const why = `its PostgreSQL ${serverVersionText(status.serverVersion)} is not older than ${options.olderThan}`
        return { member: name, outcome: 'already', why }
      }
      const role = name === view.leader?.name ? 'leader' : 'standby'
      const state = isInService(status) ? stateText(status) : `not in service: ${stateText(status)}`
      const old = options.schedule !== null && options.replace ? scheduledAt(member) : ''
      const instead = old === '' ? '' : `, in place of the restart at ${old}`
      const when = options.schedule === null ? '' : `, at ${options.schedule.text}${instead}`
      return { member: name, outcome: 'planned', why: `${role}, ${state}${pendingText(status)}${when}` }
    }),
  )
}

/** `, pending: max_connections 100 -> 200` */
function pendingText({
  pendingRestart,
  pendingRestartReason,
}: {
  readonly pendingRestart: boolean
  readonly pendingRestartReason: Readonly<Record<string, unknown>>
}): string {
  if (!pendingRestart) return ''
  const names = Object.keys(pendingRestartReason)
  return names.length === 0 ? ', restart pending' : `, restart pending for ${names.join(', ')}`
}
