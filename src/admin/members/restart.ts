// `hactl restart` of one member: requested over its REST API, then followed until the member accepts connections and,
// as a standby, streams again. The wait for an agent that falls silent meanwhile is bounded.

import type { JsonObject, Member } from '../../model/cluster/cluster.ts'
import type { Seen } from '../../model/seen.ts'
import { serverVersionText } from '../../model/server/server-version.ts'
import type { BootMillis, MemberName, Millis, WallMillis } from '../../model/units.ts'
import type { MemberAnswer, MemberReply } from '../../ports/operator.ts'
import { outcomeCode } from '../../wire/outcome-code.ts'
import type { Operator } from '../use-case.ts'
import { callMember, type OperationRow, refusedRow } from './member-operation.ts'
import { isInService, LOOK_TIMEOUT_MS, lookAt, type MemberStatus, stateText } from './member-status.ts'

export interface RestartOptions {
  readonly pending: boolean
  /** Only if the server is older than this version: `15.4`. */
  readonly olderThan: string | null
  readonly schedule: { readonly text: string; readonly wallMs: WallMillis } | null
  /** How long PostgreSQL may take; null: the cluster's `primary_start_timeout`. */
  readonly timeoutMs: Millis | null
  /** Until the member is in service, until its agent has answered, or only until the restart is seen to begin. */
  readonly wait: 'in-service' | 'answer' | 'begun'
  /** Replaces a restart that is scheduled already. */
  readonly replace: boolean
}

export interface Following {
  readonly interrupted: AbortSignal
  /** Shows people the member's state meanwhile. */
  readonly say: (member: MemberName, text: string) => void
}

/** Patroni's `primary_start_timeout` by default. */
const START_MS: Millis = 300_000
/** For the stop before the start, and for streaming after it. */
const AROUND_MS: Millis = 60_000
const SILENT_MS: Millis = 15_000
/** How long the old server may still be seen after the agent reported the restart. */
const SAME_MS: Millis = 15_000
const LOOK_EVERY_MS: Millis = 400
const REQUEST_MS: Millis = 10_000

export async function restartMember(
  operator: Operator,
  member: Member,
  options: RestartOptions,
  following: Following,
): Promise<OperationRow> {
  const { name } = member
  const before = await lookAt(operator, member)
  if (!before.known) return { member: name, outcome: 'unreachable', why: before.why }
  if (options.schedule !== null) return scheduleRestart(operator, member, options)
  const limitMs = (options.timeoutMs ?? START_MS) + AROUND_MS
  const startMs = operator.clock.bootMs()
  const posted = callMember(operator, member, {
    method: 'POST',
    path: '/restart',
    body: restartBody(options),
    timeoutMs: limitMs,
  })
  const answered = await untilAnswered(operator, member, options, before.value, posted, following)
  if ('outcome' in answered) return answered
  if (answered.kind === 'answered' && answered.status !== 200)
    return refusal(operator, member, options, answered, before.value)
  if (options.wait !== 'in-service' && answered.kind === 'answered')
    return {
      member: name,
      outcome: 'done',
      why: 'restarted; not waited for until it is in service',
      reply: answered,
    }
  const endMs = startMs + limitMs
  const end = await untilInService(operator, member, before.value, endMs, following)
  if (end.kind === 'in-service') {
    const seconds = ((operator.clock.bootMs() - startMs) / 1000).toFixed(1)
    return { member: name, outcome: 'done', why: `${end.what} after ${seconds} s` }
  }
  const lost = answered.kind === 'unreachable' ? `its answer was lost (${answered.why}); ` : ''
  const outcome = answered.kind === 'answered' && end.kind === 'same-server' ? 'failed' : 'timed-out'
  const row: OperationRow = { member: name, outcome, why: `${lost}${end.why}` }
  return following.interrupted.aborted ? { ...row, interrupted: true } : row
}

function restartBody(options: RestartOptions): JsonObject {
  return {
    ...(options.pending && { restart_pending: true }),
    ...(options.olderThan !== null && { postgres_version: options.olderThan }),
    ...(options.schedule !== null && { schedule: options.schedule.text }),
    ...(options.timeoutMs !== null && { timeout: Math.max(1, Math.round(options.timeoutMs / 1000)) }),
  }
}

async function scheduleRestart(
  operator: Operator,
  member: Member,
  options: RestartOptions,
): Promise<OperationRow> {
  const { name } = member
  const cancelled = await cancelScheduled(operator, member, options)
  if (typeof cancelled === 'object') return cancelled
  const body = restartBody(options)
  const reply = await callMember(operator, member, {
    method: 'POST',
    path: '/restart',
    body,
    timeoutMs: REQUEST_MS,
  })
  if (reply.kind === 'unreachable') {
    const why = `${reply.why}; it may have been scheduled all the same`
    return { member: name, outcome: 'timed-out', why: `${why}${lostSchedule(cancelled)}` }
  }
  if (reply.status !== 202) {
    const row = refusedRow(name, reply)
    return { ...row, why: `${row.why}${lostSchedule(cancelled)}` }
  }
  const instead = cancelled === '' ? '' : `, in place of the restart at ${cancelled}`
  return {
    member: name,
    outcome: 'scheduled',
    why: `scheduled at ${options.schedule?.text}${instead}`,
    reply,
  }
}

/** With --force: cancels the scheduled restart and returns its time; empty: none was scheduled. */
async function cancelScheduled(
  operator: Operator,
  member: Member,
  options: RestartOptions,
): Promise<string | OperationRow> {
  const at = options.replace ? scheduledAt(member) : ''
  if (at === '') return ''
  const request = { method: 'DELETE', path: '/restart', timeoutMs: REQUEST_MS } as const
  const gone = await callMember(operator, member, request)
  if (gone.kind === 'unreachable') {
    const why = `${gone.why}; the restart at ${at} may have been cancelled, and none is scheduled in its place`
    return { member: member.name, outcome: 'timed-out', why }
  }
  // After any other answer, the next request shows the result.
  return gone.status === 200 ? at : ''
}

/** Empty: no restart is scheduled. */
export function scheduledAt({ record }: Member): string {
  const { scheduledRestart } = record
  if (scheduledRestart === undefined) return ''
  return typeof scheduledRestart.schedule === 'string' ? scheduledRestart.schedule : 'an unknown time'
}

function lostSchedule(cancelled: string): string {
  return cancelled === '' ? '' : `; the restart that was scheduled at ${cancelled} is cancelled`
}

/** The member's answer, or a row if it fell silent, the command does not wait for it, or Ctrl-C came. */
async function untilAnswered(
  operator: Operator,
  member: Member,
  options: RestartOptions,
  before: MemberStatus,
  posted: Promise<MemberReply>,
  { interrupted, say }: Following,
): Promise<MemberReply | OperationRow> {
  const { clock } = operator
  const row = (outcome: OperationRow['outcome'], why: string): OperationRow => ({
    member: member.name,
    outcome,
    why,
  })
  let answeredAtMs = clock.bootMs()
  for (;;) {
    const waking = new AbortController()
    const first = await Promise.race([posted, clock.sleep(LOOK_EVERY_MS, waking.signal)])
    waking.abort()
    if (first !== undefined) return first
    if (interrupted.aborted)
      return { ...row('timed-out', 'interrupted; its restart may go on'), interrupted: true }
    const look = await lookAt(operator, member, LOOK_TIMEOUT_MS)
    if (look.known) {
      answeredAtMs = clock.bootMs()
      say(member.name, stateText(look.value))
      if (options.wait === 'begun' && hasBegun(before, look.value))
        return row('requested', 'begun, not waited for')
    } else if (clock.bootMs() - answeredAtMs > SILENT_MS) {
      return row('timed-out', `its agent fell silent (${look.why}); whether it was restarted is not known`)
    }
  }
}

function hasBegun(before: MemberStatus, now: MemberStatus): boolean {
  return now.state !== before.state || now.startedAt !== before.startedAt
}

type End =
  | { readonly kind: 'in-service'; readonly what: string }
  /** The server that ran before still runs. */
  | { readonly kind: 'same-server'; readonly why: string }
  | { readonly kind: 'not-seen'; readonly why: string }

/** A member that did not stream before (no leader, or only an archive) need not stream afterwards. */
async function untilInService(
  operator: Operator,
  member: Member,
  before: MemberStatus,
  endMs: BootMillis,
  { interrupted, say }: Following,
): Promise<End> {
  const { clock } = operator
  const streamed = before.replicationState === 'streaming' || before.role === 'primary'
  const beganAtMs = clock.bootMs()
  let answeredAtMs = beganAtMs
  for (;;) {
    const look = await lookAt(operator, member, LOOK_TIMEOUT_MS)
    if (look.known) {
      answeredAtMs = clock.bootMs()
      const isNew = look.value.startedAt !== null && look.value.startedAt !== before.startedAt
      const serves = isInService(look.value) || (!streamed && look.value.state === 'running')
      if (isNew && serves) return { kind: 'in-service', what: serviceText(look.value) }
      say(member.name, stateText(look.value))
    }
    const why = whyNot(look, before)
    const isSilent = !look.known && clock.bootMs() - answeredAtMs > SILENT_MS
    if (interrupted.aborted) return { kind: 'not-seen', why: `interrupted; ${why}` }
    if (isSame(look, before) && clock.bootMs() - beganAtMs > SAME_MS) return { kind: 'same-server', why }
    if (isSilent || clock.bootMs() >= endMs)
      return { kind: isSame(look, before) ? 'same-server' : 'not-seen', why }
    await clock.sleep(LOOK_EVERY_MS, interrupted)
  }
}

function serviceText(status: MemberStatus): string {
  if (status.replicationState === null) return 'accepts connections'
  return `accepts connections, ${status.replicationState}`
}

function isSame(look: Seen<MemberStatus>, before: MemberStatus): boolean {
  return look.known && look.value.startedAt !== null && look.value.startedAt === before.startedAt
}

function whyNot(look: Seen<MemberStatus>, before: MemberStatus): string {
  if (!look.known) return `its agent does not answer (${look.why})`
  if (isSame(look, before)) return `the server that ran before still runs (started ${before.startedAt})`
  return `it is not in service again: ${stateText(look.value)}`
}

async function refusal(
  operator: Operator,
  member: Member,
  options: RestartOptions,
  reply: MemberAnswer,
  before: MemberStatus,
): Promise<OperationRow> {
  const { name } = member
  const code = outcomeCode(reply)
  if (code === 'conditions')
    return { member: name, outcome: 'already', why: conditionText(options, before), reply }
  if (code === 'still-starting')
    return { member: name, outcome: 'timed-out', why: 'PostgreSQL was stopped, and is still starting', reply }
  if (code !== 'failed' && code !== 'refused') return refusedRow(name, reply)
  const now = await lookAt(operator, member)
  const why = reply.body.trim().replace(/^restart failed(: )?/, '')
  // An order that was withdrawn before it began did no harm.
  if (isSame(now, before)) return { member: name, outcome: 'refused', why: `not restarted: ${why}`, reply }
  const state = now.known ? stateText(now.value) : now.why
  return { member: name, outcome: 'failed', why: `the restart failed: ${why === '' ? state : why}`, reply }
}

function conditionText(options: RestartOptions, { serverVersion, pendingRestart }: MemberStatus): string {
  if (options.pending && !pendingRestart) return 'no restart is pending'
  if (options.olderThan === null || serverVersion === null) return 'the conditions do not hold'
  return `its PostgreSQL ${serverVersionText(serverVersion)} is not older than ${options.olderThan}`
}
