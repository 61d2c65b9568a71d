// `hactl check` for people and for monitoring plugins: the first line is the summary, each finding has a line of its
// own.

import type { CheckReport } from '../../admin/look/check.ts'

const WORDS = { healthy: 'OK', degraded: 'DEGRADED', down: 'DOWN' } as const

export function checkText(report: CheckReport): string {
  const { findings, warnings } = report
  const rows = findings.map(({ member, kind, text }) => `  ${member ?? 'cluster'}: ${kind}: ${text}\n`)
  const notes = warnings.map(({ member, id, text }) => `  warning: ${member}: ${id}: ${text}\n`)
  return `${WORDS[report.health]}: cluster ${report.cluster}: ${summary(report)}\n${rows.join('')}${notes.join('')}`
}

function summary(report: CheckReport): string {
  const { leader, timeline, members, streaming, lagBytes, findings } = report
  const standbys = members - (leader === null ? 0 : 1)
  const leads = leader === null ? 'nobody leads' : `${leader} leads on timeline ${timeline ?? 'unknown'}`
  const stream = `${streaming} of ${standbys} ${standbys === 1 ? 'standby streams' : 'standbys stream'}`
  const lag = lagBytes === null ? '' : `, at most ${lagBytes} bytes behind`
  const found =
    findings.length === 0
      ? ''
      : `; ${findings.map(({ member, text }) => `${member === null ? '' : `${member}: `}${text}`).join('; ')}`
  return `${leads}, ${stream}${lag}${found}`
}
