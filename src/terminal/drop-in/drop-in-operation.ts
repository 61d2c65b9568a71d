// The outcome for a member in patronictl's words (spec/interfaces.md 2.4), for scripts that call hactl by that name.
// Where patronictl has no words (nobody answered), hactl's are used.

import { isWell, type OperationRow } from '../../admin/members/member-operation.ts'

/** null: patronictl has no words for it. */
export function patronictlLine(action: string, row: OperationRow): string | null {
  const { member, outcome, reply } = row
  // Without a word on members that were not chosen because nothing is pending.
  if (action === 'restart' && outcome === 'already' && reply === undefined) return ''
  if (action === 'flush scheduled restart' && outcome === 'already' && reply === undefined)
    return `No scheduled restart for member ${member}\n`
  if (reply === undefined)
    return outcome === 'done' || outcome === 'requested' ? `Success: ${worded(action, member)}\n` : null
  const { status, body } = reply
  if (action === 'reload' && status === 200) return `No changes to apply on member ${member}\n`
  if (action === 'reload' && status === 202) {
    const within = row.withinSeconds ?? 10
    return `Reload request received for member ${member} and will be processed within ${within} seconds\n`
  }
  if (action === 'restart' && status === 202) return `Success: restart scheduled on member ${member}\n`
  if (action === 'restart' && status === 409)
    return `Failed: another restart is already scheduled on member ${member}\n`
  if (status === 200) return `Success: ${worded(action, member)}\n`
  return `Failed: ${action} for member ${member}, status code=${status}, (${body})\n`
}

function worded(action: string, member: string): string {
  return action === 'restart' ? `restart on member ${member}` : `${action} for member ${member}`
}

/** patronictl ends with 0 when it got an answer, whatever the answer was. */
export function isAnswered(row: OperationRow): boolean {
  return isWell(row) || row.reply !== undefined
}
