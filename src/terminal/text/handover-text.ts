// The output of `switchover` and `failover`: the verdict on each candidate in a dry run, and the cluster afterwards.

import { secondsOf } from '../../admin/handover/follow.ts'
import type { CandidateReport, HandoverReport } from '../../admin/handover/handover.ts'
import { copyText } from '../../admin/members/endangered-copies.ts'
import type { WallMillis } from '../../model/units.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { localTime } from '../format/line-time.ts'
import { type BoxColumn, foldedTable } from '../table/box-table.ts'

/**
 * The line that scripts for patronictl look for, e.g. `2026-11-22 11:35:16.44611 Successfully switched over to "pg0"`.
 */
export function outcomeText(outcome: HandoverReport, nowMs: WallMillis): string {
  const replaced = outcome.replaces === null ? '' : `Replaced: ${outcome.replaces}\n`
  const seen = isPatronictl() ? '' : seenText(outcome)
  return `${replaced}${localTime(nowMs, 'five digits')} ${sentence(outcome)}\n${seen}`
}

/** The command's own view and its time: the member keys behind the table may be a moment older. */
function seenText({ newLeader, formerLeader, timing }: HandoverReport): string {
  if (timing.writableMs === null) return ''
  const writes = `${newLeader} accepts writes after ${secondsOf(timing.writableMs)}`
  const streams =
    formerLeader === null || timing.streamingMs === null
      ? ''
      : `; ${formerLeader.name} streams from it after ${secondsOf(timing.streamingMs)}`
  return `${writes}${streams}\n`
}

function sentence({ action, outcome, newLeader, newLeaderWritable, scheduledAt }: HandoverReport): string {
  const name = action === 'switchover' ? 'Switchover' : 'Failover'
  switch (outcome) {
    case 'done':
      return `Successfully ${action === 'switchover' ? 'switched' : 'failed'} over to "${newLeader}"`
    case 'already':
      return (
        `"${newLeader}" is the leader already, nothing to ` +
        `do${newLeaderWritable === false ? '; it does not accept writes now' : ''}`
      )
    case 'scheduled':
      return `${name} scheduled at ${scheduledAt}`
    case 'requested':
      return `${name} requested, not waited for`
    case 'planned':
    case 'not-begun':
    case 'unfinished':
      return `${name} not finished`
    default:
      return outcome satisfies never
  }
}

export function dryRunText(plan: HandoverReport, width: number | null): string {
  if (plan.outcome === 'already') return `"${plan.newLeader}" is the leader already, nothing to do\n`
  const lines = [
    ...(plan.candidates.length === 0 ? [] : [verdictTable(plan.candidates, width)]),
    ...(plan.newLeader === null ? [] : [winnerLine(plan), lossLine(plan)]),
    ...plan.endangeredCopies.map(copy => `Would end and begin again: ${copyText(copy)}`),
    ...(plan.replaces === null ? [] : [`Would be replaced: ${plan.replaces}`]),
  ]
  return lines.map(line => `${line}\n`).join('')
}

function winnerLine(plan: HandoverReport): string {
  const from = plan.oldLeader === null ? 'there is no leader' : `the leader is ${plan.oldLeader}`
  const when = plan.scheduledAt === null ? '' : ` at ${plan.scheduledAt} (judged again then)`
  return `Dry run, nothing was changed: ${from}; ${likelyWinners(plan)} would take over${when}.`
}

/** Candidates with the same WAL and priority race each other: the winner cannot be predicted. */
function likelyWinners(plan: HandoverReport): string {
  const best = plan.candidates.find(candidate => candidate.name === plan.newLeader)
  const asGood = plan.candidates.filter(
    other =>
      other.code === 'good' &&
      other.position?.bytes === best?.position?.bytes &&
      other.failoverPriority === best?.failoverPriority,
  )
  if (plan.candidate !== null || asGood.length < 2) return `${plan.newLeader}`
  return asGood.map(candidate => candidate.name).join(' or ')
}

function lossLine(plan: HandoverReport): string {
  if (plan.lostBytes === null) return 'Would be lost: not known; acknowledged writes may be among it.'
  if (plan.lostBytes > 0n) return `Would be lost: ${plan.lostBytes} bytes of WAL.`
  return plan.oldLeader === null
    ? 'Would be lost: nothing that is known of.'
    : 'Would be lost: nothing, the leader hands over.'
}

const VERDICT_COLUMNS: readonly BoxColumn[] = [
  { title: 'Candidate', align: 'left' },
  { title: 'Verdict', align: 'left' },
  { title: 'TL', align: 'right' },
  { title: 'LSN', align: 'right' },
  { title: 'Bytes behind', align: 'right' },
  { title: 'Priority', align: 'right' },
  { title: 'Reason', align: 'left' },
]

/** `width` of the terminal; null: not a terminal. */
function verdictTable(verdicts: readonly CandidateReport[], width: number | null): string {
  const text = (value: bigint | number | null) => (value === null ? '' : String(value))
  const rows = verdicts.map(verdict => [
    verdict.name,
    verdict.code === 'good' ? 'good' : 'no',
    text(verdict.timeline),
    verdict.position?.lsn ?? '',
    text(verdict.behindBytes),
    text(verdict.failoverPriority),
    verdict.reason,
  ])
  return foldedTable(VERDICT_COLUMNS, rows, width)
}
