// One line for the outcome of a member: first the words that scripts for patronictl look for, then the reason.

import type { OperationRow } from '../../admin/members/member-operation.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { patronictlLine } from '../drop-in/drop-in-operation.ts'

export function rowLine(action: string, row: OperationRow): string {
  return (isPatronictl() ? patronictlLine(action, row) : null) ?? ownLine(action, row)
}

function ownLine(action: string, row: OperationRow): string {
  const { member, outcome, why } = row
  const because = why === null ? '' : `: ${why}`
  switch (outcome) {
    case 'done':
    case 'scheduled':
    case 'requested':
      return `${successOf(action, member)}${because}\n`
    case 'already':
      return `Nothing to do: ${action} for member ${member}${because}\n`
    case 'planned':
      return `Dry run: ${action} for member ${member}${because}\n`
    case 'left':
      return `Not begun: ${action} for member ${member}${because}\n`
    case 'timed-out':
      return `Unknown: ${action} for member ${member}${because}\n`
    case 'refused':
    case 'conflict':
    case 'failed':
    case 'unreachable':
      return `Failed: ${action} for member ${member}${because}\n`
    default:
      return outcome satisfies never
  }
}

function successOf(action: string, member: string): string {
  return action === 'restart'
    ? `Success: restart on member ${member}`
    : `Success: ${action} for member ${member}`
}
