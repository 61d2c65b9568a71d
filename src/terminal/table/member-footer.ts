// The lines below the table of `list` and `topology`: modes, requests, and what is in etcd that no row shows.

import type { ClusterReport, PendingRequest, SynchronousReport } from '../../model/command/report.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'

/** Lines below the table: maintenance mode and requests; labels are right-aligned in 24 columns. */
export function memberFooter(report: ClusterReport): readonly string[] {
  const planned = report.scheduledSwitchover
  const pending = report.pendingRequest
  const line = (label: string, value: string | null) =>
    value === null ? [] : [`${label.padStart(24)}: ${value}`]
  return [
    ...(report.paused ? [' Maintenance mode: on'] : []),
    ...(isPatronictl() ? [] : synchronousLine(report.synchronous)),
    ...(planned === null ? [] : [` Switchover scheduled at: ${planned.at}`]),
    ...line('from', planned?.from ?? null),
    ...line('to', planned?.to ?? null),
    ...(pending === null ? [] : [` ${capitalised(pending.action)} ${progressOf(pending)}`]),
    ...line('from', pending?.from ?? null),
    ...line('to', pending?.to ?? null),
    ...(report.drainedAway.length === 0
      ? []
      : [` Drained, but gone: ${report.drainedAway.join(', ')} (hactl undrain forgets it)`]),
    ...(report.refusedMembers === 0
      ? []
      : [` Keys below members/ that are no members: ${report.refusedMembers} (hactl check says why)`]),
    ...report.refusedKeys
      .filter(({ key }) => !key.startsWith('members/'))
      .map(({ key, why }) => ` Key ${key} is refused: ${why}`),
    ...(report.leftOutMembers === 0
      ? []
      : [` Members left out, as etcd has too many keys below members/: ${report.leftOutMembers}`]),
    ...warningLines(report),
    ...(report.unreadableRequest === null
      ? []
      : [` A request is pending that is not understood: ${report.unreadableRequest}`]),
  ]
}

/** ` Warning: pg1, pg2: open-api: lets whoever reaches …`, one line for each kind. */
function warningLines({ members }: ClusterReport): readonly string[] {
  const all = members.flatMap(({ warnings }) => warnings)
  const ids = [...new Set(all.map(({ id }) => id))]
  return ids.map(id => {
    const names = members.filter(({ warnings }) => warnings.some(warning => warning.id === id))
    const text = all.find(warning => warning.id === id)?.text ?? ''
    return ` Warning: ${names.map(({ name }) => name).join(', ')}: ${id}: ${text}`
  })
}

/** ` Synchronous mode: quorum: commits wait for any 1 of pg1, pg2` */
function synchronousLine(report: SynchronousReport): readonly string[] {
  const { mode, strict, standbys, acknowledging, problem } = report
  if (mode === 'off') return []
  const whom = mode === 'quorum' ? `any ${acknowledging} of ${standbys.join(', ')}` : standbys.join(' and ')
  const state = problem ?? `commits wait for ${whom}`
  return [` Synchronous mode: ${mode}${strict ? ', strict' : ''}: ${state}`]
}

/** `pending, requested by hactl on db1 through pg1 at 2026-11-29T19:20:11.000Z, until 2026-11-29T19:21:11.000Z` */
function progressOf({ requestedBy, requestedAt, validUntil, begunBy }: PendingRequest): string {
  const by = requestedBy === null ? ', by whom is not known' : `, requested by ${requestedBy}`
  const at = requestedAt === null ? '' : ` at ${requestedAt}`
  const until = validUntil === null || begunBy !== null ? '' : `, until ${validUntil}`
  return `${begunBy === null ? 'pending' : `begun by ${begunBy}`}${by}${at}${until}`
}

export function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
