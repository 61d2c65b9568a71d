// What `hactl drain` and `hactl undrain` say.

import type { DrainReport } from '../../admin/members/drain.ts'
import { copyText } from '../../admin/members/endangered-copies.ts'
import { describeNote } from '../../model/cluster/drained-member.ts'

export function drainReportText(report: DrainReport): string {
  const { outcome, action } = report
  if (outcome === 'unfinished' || outcome === 'not-begun') return ''
  const copies = report.endangeredCopies.map(copy => `Would end and begin again: ${copyText(copy)}\n`)
  if (outcome === 'planned') return `Dry run, nothing was changed: ${plan(report)}.\n${copies.join('')}`
  return `${action === 'drain' ? drained(report) : undrained(report)}\n`
}

function plan({ action, member, drained: note, leads, newLeader }: DrainReport): string {
  if (action === 'undrain')
    return `the drain of ${member} ${note === null ? '' : describeNote(note)} would end`
  const would = note === null ? `${member} would be drained` : `${member} is drained already`
  if (!leads) return would
  return newLeader === null
    ? `${would}, and would go on leading`
    : `${would}, and ${newLeader} would take over from it`
}

function drained({ cluster, member, outcome, drained: note, leads, newLeader }: DrainReport): string {
  const who = note === null ? '' : ` (${describeNote(note)})`
  const how = outcome === 'already' ? 'already ' : outcome === 'requested' ? 'noted as ' : ''
  const what = `Member ${member} of cluster ${cluster} is ${how}drained${who}.`
  const unknown = outcome === 'requested' ? ' What comes of it was not waited for.' : ''
  const leader = newLeader === null ? '' : ` ${newLeader} leads in its place.`
  return `${what}${leader}${leads && outcome !== 'requested' ? ' It goes on leading.' : ''}${unknown}`
}

function undrained({ cluster, member, outcome }: DrainReport): string {
  if (outcome === 'already')
    return `Member ${member} of cluster ${cluster} is not drained; nothing was changed.`
  if (outcome === 'requested')
    return `The drain of member ${member} of cluster ${cluster} is taken back. Whether it knows was not waited for.`
  return `Member ${member} of cluster ${cluster} is no longer drained.`
}
