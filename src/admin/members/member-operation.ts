// The outcome of an operation on several members: one row per member, and the exit code that follows from the rows. The
// code is 0 if all are done or were so already, 7 if only some are, with what is missing, and that of the failure if
// none is.

import type { Member } from '../../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName } from '../../model/units.ts'
import type { MemberAnswer, MemberReply, MemberRequest } from '../../ports/operator.ts'
import { outcomeCode } from '../../wire/outcome-code.ts'
import type { Operator } from '../use-case.ts'

type MemberOutcome =
  | 'done'
  /** It will be done at its time. */
  | 'scheduled'
  /** It was requested or begun; the command did not wait for its end. */
  | 'requested'
  /** It was so before, or there was nothing to do. */
  | 'already'
  | 'refused'
  /** Another operation is in the way. */
  | 'conflict'
  /** It was begun and did not end well. */
  | 'failed'
  | 'unreachable'
  /** It was begun; its end was not seen. */
  | 'timed-out'
  /** Not begun, because of the outcome of another member. */
  | 'left'
  /** A dry run: it would be done. */
  | 'planned'

export interface OperationRow {
  readonly member: MemberName
  readonly outcome: MemberOutcome
  /** One clause; null: there is nothing to add. */
  readonly why: string | null
  /** For a reload: the agent reads its configuration within this time. */
  readonly withinSeconds?: number
  /** Ctrl-C ended the wait, or kept the operation from beginning. */
  readonly interrupted?: true
  /** The member's answer, for the texts of patronictl. Not shown as JSON. */
  readonly reply?: { readonly status: number; readonly body: string }
}

export interface OperationReport {
  readonly cluster: string
  readonly action: string
  readonly members: readonly { readonly member: MemberName; outcome: MemberOutcome; why: string | null }[]
}

/** Nothing is left to do for this member. */
export function isWell({ outcome }: OperationRow): boolean {
  return WELL.includes(outcome)
}

/** `hint`: what to do about the members that are not done. */
export function concludeOperation(
  cluster: string,
  action: string,
  rows: readonly OperationRow[],
  hint: string,
): Result<OperationReport> {
  const members = rows.map(({ member, outcome, why }) => ({ member, outcome, why }))
  const report: OperationReport = { cluster, action, members }
  const failure = failureOf(action, rows, hint)
  return failure === null ? done(report) : failed(failure, report)
}

const WELL: readonly MemberOutcome[] = ['done', 'scheduled', 'requested', 'already', 'planned']
/** The most serious failure decides the exit code when nothing was done. */
const BY_WEIGHT = ['failed', 'timed-out', 'unreachable', 'conflict', 'refused', 'left'] as const

/** The hint for an answer of 401 or 403. */
export const ACCESS_HINT =
  'check ctl.authentication (or restapi.authentication) and the allowlist of the members.'

function failureOf(action: string, rows: readonly OperationRow[], usualHint: string): Failure | null {
  const missing = rows.filter(row => !isWell(row))
  if (missing.length === 0) return null
  const isShutOut = missing.some(({ reply }) => reply?.status === 401 || reply?.status === 403)
  const hint = isShutOut ? ACCESS_HINT : usualHint
  const some = rows.length - missing.length
  const all = missingText(missing)
  if (missing.some(row => row.interrupted === true)) {
    const what = interruptedText(missing)
    return { kind: 'interrupted', action, request: { kind: 'stored', what }, hint }
  }
  if (some > 0) {
    const achieved = `${action}: ${some} of ${rows.length} members done`
    return { kind: 'partly-done', done: achieved, missing: all, hint }
  }
  const worst = BY_WEIGHT.find(outcome => missing.some(row => row.outcome === outcome))
  const names = namesOf(missing)
  switch (worst) {
    case 'unreachable':
      return {
        kind: 'member-unreachable',
        member: names,
        why: missing.length === 1 ? (missing[0]?.why ?? '') : all,
      }
    case 'conflict':
      return { kind: 'conflict', what: `${action}: ${all}`, hint }
    case 'refused':
      return { kind: 'refused', action, reason: all, hint }
    case 'timed-out':
      return { kind: 'unfinished', what: `${action}: ${all}`, hint }
    default: {
      const begun = namesOf(missing.filter(({ outcome }) => outcome === 'failed'))
      return { kind: 'partly-done', done: `${action} of ${begun} was begun`, missing: all, hint }
    }
  }
}

/** `pg1 has begun it, and it goes on; pg2, pg0 not begun` */
function interruptedText(missing: readonly OperationRow[]): string {
  const begun = missing.filter(row => row.interrupted === true && row.outcome === 'timed-out')
  const goesOn = begun.length === 0 ? [] : [`${namesOf(begun)} has begun it, and it goes on`]
  const rest = missing.filter(row => !begun.includes(row))
  return [...goesOn, ...(rest.length === 0 ? [] : [missingText(rest)])].join('; ')
}

function namesOf(rows: readonly OperationRow[]): string {
  return rows.map(({ member }) => member).join(', ')
}

/** Members that were left share their reason, and so one clause. */
function missingText(missing: readonly OperationRow[]): string {
  const left = missing.filter(({ outcome }) => outcome === 'left')
  const rest = missing.filter(({ outcome }) => outcome !== 'left').map(rowText)
  return [...rest, ...(left.length === 0 ? [] : [`${namesOf(left)} not begun`])].join('; ')
}

/** `pg1: no answer within 3000 ms` */
function rowText({ member, outcome, why }: OperationRow): string {
  return `${member}: ${why ?? outcome}`
}

/** A member without an address cannot be asked, and counts as unreachable. */
export async function callMember(
  operator: Operator,
  member: Member,
  request: MemberRequest,
): Promise<MemberReply> {
  const { apiUrl } = member.record
  if (apiUrl === null) return { kind: 'unreachable', why: 'its member key has no api_url' }
  return operator.members.call({ name: member.name, apiUrl }, request)
}

/** For an answer that is neither a success nor a special case of the operation. */
export function refusedRow(member: MemberName, reply: MemberAnswer): OperationRow {
  const { status, body } = reply
  const words = body.trim().startsWith('<') || body.trim() === '' ? '' : `: ${body.trim().slice(0, 300)}`
  const code = outcomeCode(reply)
  const outcome = code === 'busy' || code === 'other-request' ? 'conflict' : 'refused'
  return { member, outcome, why: `it answered ${status}${words}`, reply }
}
