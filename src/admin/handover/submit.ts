// Submits the request for a switchover or failover: to the leader's REST API, else to another member's, else into etcd,
// guarded. It does not wait for a hung member: if etcd does not show the request soon, the next member is asked. Asking
// twice is harmless, because the second request is the same.

import type { ClusterView, FailoverRequest, JsonObject, RequestNote } from '../../model/cluster/cluster.ts'
import { isSameRequest } from '../../model/cluster/request.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { BootMillis, MemberName, Millis } from '../../model/units.ts'
import type { MemberAddress, MemberAnswer, MemberReply } from '../../ports/operator.ts'
import { outcomeCode } from '../../wire/outcome-code.ts'
import { ACCESS_HINT } from '../members/member-operation.ts'
import type { Deadline, Operator } from '../use-case.ts'
import type { CommandRequest } from './handover-request.ts'
import type { HandoverPlan } from './plan.ts'

export interface Submitted {
  /** `rest:pg0` or `etcd`. */
  readonly through: string
  readonly scheduled: boolean
  /** The member's answer when the handover is over; it may come after the end state, or never. Does not reject. */
  readonly reply: Promise<MemberReply> | null
  /** Boot-time instant just before the request was submitted. */
  readonly atMs: BootMillis
}

/** How long a member may take to write the request before the next one is asked. */
const ACCEPT_MS: Millis = 3000
const LOOK_EVERY_MS: Millis = 250

/** A refusal comes with the member's answer. */
export async function submitHandover(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  request: FailoverRequest,
  deadline: Deadline,
): Promise<Result<Submitted>> {
  let refusal: Result<Submitted> | null = null
  let anySilent = false
  for (const member of membersToAsk(asked, plan)) {
    const tried = await tryMember(operator, asked, plan, request, member, deadline)
    if (tried.kind === 'accepted') return done(tried.submitted)
    if (tried.kind === 'refused') return failed(tried.failure, tried.submitted)
    if (tried.kind === 'cannot') refusal ??= failed(tried.failure, tried.submitted)
    anySilent ||= tried.kind === 'silent'
  }
  // Nobody could be asked: writing into etcd, as patronictl does, is right if the request key is still as it was seen.
  if (refusal !== null) return refusal
  return writeRequest(operator, asked, plan, request, deadline, anySilent)
}

/** The leader first; without one the candidate; then the others, in the order of their names. */
function membersToAsk(asked: CommandRequest, plan: HandoverPlan): readonly MemberAddress[] {
  const { view, leader } = plan.survey
  const addresses = view.members.flatMap(({ name, record }) =>
    record.apiUrl === null ? [] : [{ name, apiUrl: record.apiUrl }],
  )
  const first = leader ?? asked.candidate
  const rank = (name: MemberName) => (name === first ? 0 : 1)
  return addresses.toSorted((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1))
}

type Tried =
  | { readonly kind: 'accepted'; readonly submitted: Submitted }
  | { readonly kind: 'refused'; readonly failure: Failure; readonly submitted: Submitted }
  /** It answered, but could not do it; another member may be able to. */
  | { readonly kind: 'cannot'; readonly failure: Failure; readonly submitted: Submitted }
  | { readonly kind: 'silent' }

async function tryMember(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  request: FailoverRequest,
  member: MemberAddress,
  deadline: Deadline,
): Promise<Tried> {
  const stopLooking = new AbortController()
  const atMs = operator.clock.bootMs()
  const reply = operator.members.call(member, {
    method: 'POST',
    path: `/${asked.action}`,
    body: requestBody(request, asked.scheduledAt),
    timeoutMs: deadline.leftMs(),
  })
  const seen = seesRequest(
    operator,
    asked,
    plan,
    request,
    Math.min(ACCEPT_MS, deadline.leftMs()),
    stopLooking.signal,
  )
  const first = await Promise.race([reply, seen])
  // The request may or may not be written: etcd shows it in a moment, and another member would write it again.
  const unknown = typeof first === 'object' && saysUnknown(first) ? first.body.trim().slice(0, 300) : null
  const isSeen = (unknown === null ? first : await seen) === 'seen'
  stopLooking.abort()
  const submitted = { through: `rest:${member.name}`, scheduled: false, reply, atMs }
  const scheduled = asked.scheduledAt !== null
  if (isSeen) return { kind: 'accepted', submitted: { ...submitted, scheduled } }
  if (unknown !== null) return { kind: 'refused', failure: mayBeAsked(asked, request, unknown), submitted }
  if (typeof first === 'string' || first.kind === 'unreachable') return { kind: 'silent' }
  if (first.status === 200) return { kind: 'accepted', submitted }
  if (first.status === 202) return { kind: 'accepted', submitted: { ...submitted, scheduled: true } }
  return { ...refusalOf(asked, member, first), submitted }
}

function saysUnknown(reply: MemberReply): reply is MemberAnswer {
  return reply.kind === 'answered' && outcomeCode(reply) === 'unknown'
}

function refusalOf(
  asked: CommandRequest,
  member: MemberAddress,
  reply: MemberAnswer,
): { readonly kind: 'refused' | 'cannot'; readonly failure: Failure } {
  const words = reply.body.startsWith('<') ? '' : `: ${reply.body.trim().slice(0, 300)}`
  const reason = `${member.name} answered ${reply.status}${words}`
  const { action, cluster } = asked
  const code = outcomeCode(reply)
  if (reply.status === 401 || reply.status === 403) {
    return { kind: 'cannot', failure: { kind: 'refused', action, reason, hint: ACCESS_HINT } }
  }
  if (code === 'other-request') {
    const hint = `see hactl list ${cluster}; --replace takes its place.`
    return { kind: 'refused', failure: { kind: 'conflict', what: `${action}: ${reason}`, hint } }
  }
  const hint = `see hactl list ${cluster} and hactl ${action} ${cluster} --dry-run.`
  if (code === 'leader-mismatch') {
    const what = `${action}: ${reason}; the leader changed meanwhile`
    return { kind: 'refused', failure: { kind: 'conflict', what, hint } }
  }
  const failure = { kind: 'refused', action, reason, hint } as const
  // A member that cannot do it proves nothing about the request: another one may be able to.
  const isOver = code === 'failed' || reply.status < 500
  return { kind: isOver ? 'refused' : 'cannot', failure }
}

/** The note is for members that run hactl; Patroni ignores it. */
function requestBody(
  { leader, candidate, note }: FailoverRequest,
  scheduledAt: CommandRequest['scheduledAt'],
): JsonObject {
  return {
    candidate,
    ...(leader !== null && { leader }),
    ...(scheduledAt !== null && { scheduled_at: scheduledAt.text }),
    ...(note !== undefined && { hactl: noteBody(note) }),
  }
}

function noteBody({ id, by, untilMs }: RequestNote): JsonObject {
  return {
    id,
    requested_by: by,
    ...(untilMs !== null && { valid_until: new Date(untilMs).toISOString() }),
  }
}

/** Does etcd show that the request arrived, or its effect? */
async function seesRequest(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  request: FailoverRequest,
  budgetMs: Millis,
  signal: AbortSignal,
): Promise<'seen' | 'not seen'> {
  const endMs = operator.clock.bootMs() + budgetMs
  while (!signal.aborted) {
    const leftMs = endMs - operator.clock.bootMs()
    if (leftMs <= 0) break
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, leftMs), signal)
    if (signal.aborted) break
    const read = await operator.store.read(asked.cluster, Math.max(LOOK_EVERY_MS, leftMs))
    if (read.known && showsRequest(read.value, request, plan)) return 'seen'
  }
  return 'not seen'
}

function showsRequest(view: ClusterView, request: FailoverRequest, plan: HandoverPlan): boolean {
  const before = plan.survey.view
  // A scheduled request does not change the leader before its time.
  const now = request.scheduledAt === null
  if (now && view.leader !== null && view.leader.name !== plan.survey.leader) return true
  const changed = view.failover?.modRevision !== before.failover?.modRevision
  return changed && view.failover !== null && isSameRequest(view.failover.value, request)
}

async function writeRequest(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  request: FailoverRequest,
  deadline: Deadline,
  anySilent: boolean,
): Promise<Result<Submitted>> {
  const { survey } = plan
  const scheduled = asked.scheduledAt !== null
  // A request that asks for nothing (`{}`) counts as none; one that came since then stays.
  const guard = survey.view.failover?.modRevision ?? null
  const atMs = operator.clock.bootMs()
  const outcome = await operator.store.writeFailover(asked.cluster, request, guard, deadline.leftMs())
  if (outcome.kind === 'unreachable') {
    if (outcome.mayBeWritten === true) return failed(mayBeAsked(asked, request, outcome.why))
    return failed({ kind: 'store-unreachable', why: outcome.why, mayBeDone: null })
  }
  if (outcome.kind === 'refused') {
    // The request in etcd may be ours, written by a member that fell silent; or ours came and went.
    const read = anySilent ? await operator.store.read(asked.cluster, deadline.leftMs()) : null
    if (read?.known && showsRequest(read.value, request, plan))
      return done({ through: 'etcd', scheduled, reply: null, atMs })
    if (read !== null) return failed(mayBeAsked(asked, request, outcome.why))
    return failed({
      kind: 'conflict',
      what: `another request for cluster ${asked.cluster} was made meanwhile; ours was not`,
      hint: `see hactl list ${asked.cluster}, then try again.`,
    })
  }
  return done({ through: 'etcd', scheduled, reply: null, atMs })
}

function mayBeAsked({ action, cluster }: CommandRequest, { note }: FailoverRequest, why: string): Failure {
  const until =
    note?.untilMs == null ? '' : `, and may be carried out until ${new Date(note.untilMs).toISOString()}`
  const what = `the ${action} may have been asked for all the same${until}`
  return { kind: 'store-unreachable', why, mayBeDone: { what, look: `hactl list ${cluster}` } }
}
