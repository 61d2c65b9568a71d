// Follows a requested switchover or failover to its end: first until etcd names another leader, then until that leader
// reports that it accepts writes, then until the former leader streams from it. It claims nothing that was not seen.

import { handoverProgress } from '../../judge/handover-progress.ts'
import type { ClusterView, FailoverRequest, Member } from '../../model/cluster/cluster.ts'
import type { BootMillis, MemberName, Millis } from '../../model/units.ts'
import type { MemberReply } from '../../ports/operator.ts'
import type { ClusterModes } from '../../wire/modes.ts'
import { outcomeCode } from '../../wire/outcome-code.ts'
import { parseStatusAnswer } from '../../wire/status-answer.ts'
import type { Deadline, Operator } from '../use-case.ts'
import type { CommandRequest } from './handover-request.ts'
import type { HandoverPlan } from './plan.ts'
import type { Submitted } from './submit.ts'

export interface Followed {
  readonly newLeader: MemberName | null
  /** The new leader's REST API says so. */
  readonly writable: boolean
  readonly formerLeader: FormerLeader | null
  /** Why the agents gave the request up; null: they did not, or nobody said why. */
  readonly abandoned: string | null
  /** The last state that was seen. */
  readonly lastSeen: string
  readonly timing: HandoverTiming
}

export interface FormerLeader {
  readonly name: MemberName
  /** `streaming` is the end state. */
  readonly state: string
  readonly streaming: boolean
}

/** Milliseconds since the request; null: not seen. */
export interface HandoverTiming {
  readonly leaderMs: Millis | null
  readonly writableMs: Millis | null
  readonly streamingMs: Millis | null
}

const LOOK_EVERY_MS: Millis = 250
/** A single look must not take all the time that is left. */
const LOOK_BUDGET_MS: Millis = 2000
/** How long to wait for the reason: etcd shows that the request is over before the asked member says why. */
const REASON_MS: Millis = 2000

export async function followHandover(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  request: FailoverRequest,
  submitted: Submitted,
  { deadline, progress }: { readonly deadline: Deadline; readonly progress: (text: string) => void },
): Promise<Followed> {
  const since = (): Millis => operator.clock.bootMs() - submitted.atMs
  const nothing = { newLeader: null, writable: false, formerLeader: null, abandoned: null }
  const noTiming = { leaderMs: null, writableMs: null, streamingMs: null }

  progress('requested; waiting until another member leads')
  const change = await awaitNewLeader(
    operator,
    asked,
    { before: plan.survey.leader, request },
    submitted,
    deadline,
  )
  if (change.leader === null) {
    return { ...nothing, abandoned: change.abandoned, lastSeen: change.lastSeen, timing: noTiming }
  }
  const leaderMs = since()
  const former = plan.survey.leader
  progress(`${change.leader.name} leads after ${secondsOf(leaderMs)}; waiting until it accepts writes`)
  const { leader: newLeader, writable } = await awaitWritable(operator, asked, plan, change.leader, deadline)
  if (newLeader.name === former) {
    const abandoned = `${change.leader.name} took the lease and lost it before it accepted writes`
    return { ...nothing, abandoned, lastSeen: `${former} leads again`, timing: noTiming }
  }
  const timing = { ...noTiming, leaderMs, writableMs: writable ? since() : null }
  const base = { newLeader: newLeader.name, writable, abandoned: null }
  if (!writable || former === null) {
    return { ...base, formerLeader: null, lastSeen: `${newLeader.name} holds the leader key`, timing }
  }
  progress(
    `${newLeader.name} accepts writes after ${secondsOf(timing.writableMs ?? 0)}; waiting until ${former} streams from it`,
  )
  const formerLeader = await awaitStreaming(operator, asked.cluster, former, deadline)
  const streamingMs = formerLeader.streaming ? since() : null
  return { ...base, formerLeader, lastSeen: `${newLeader.name} leads`, timing: { ...timing, streamingMs } }
}

export function secondsOf(ms: Millis): string {
  return `${(ms / 1000).toFixed(1)} s`
}

interface LeaderChange {
  readonly leader: Member | null
  readonly abandoned: string | null
  readonly lastSeen: string
}

async function awaitNewLeader(
  operator: Operator,
  asked: CommandRequest,
  { before, request }: { readonly before: MemberName | null; readonly request: FailoverRequest },
  submitted: Submitted,
  deadline: Deadline,
): Promise<LeaderChange> {
  const account = accountOf(submitted)
  let overSinceMs: BootMillis | null = null
  let lastSeen = 'etcd was not readable'
  while (deadline.leftMs() > 0) {
    const read = await operator.store.read(asked.cluster, Math.min(LOOK_BUDGET_MS, deadline.leftMs()))
    if (read.known) {
      const leader = leaderMember(read.value)
      const progress = handoverProgress(request, before, read.value)
      if (progress.is === 'done' && leader !== null) return { leader, abandoned: null, lastSeen: '' }
      lastSeen = leader === null ? 'there is no leader at the moment' : `${leader.name} still leads`
      overSinceMs = progress.is === 'over' ? (overSinceMs ?? operator.clock.bootMs()) : null
      const longAgo = overSinceMs !== null && operator.clock.bootMs() - overSinceMs >= REASON_MS
      if (longAgo || (overSinceMs !== null && account.failed !== null)) {
        const reason = account.failed ?? 'the agents withdrew the request without a new leader'
        return { leader: null, abandoned: reason, lastSeen }
      }
    }
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()))
  }
  return { leader: null, abandoned: null, lastSeen }
}

interface Account {
  /** The failure as reported by the member that followed the request. */
  failed: string | null
}

function accountOf(submitted: Submitted): Account {
  const account: Account = { failed: null }
  const note = (reply: MemberReply): void => {
    if (reply.kind === 'answered' && reply.status >= 400 && outcomeCode(reply) !== 'unknown') {
      account.failed = `${submitted.through.replace('rest:', '')} says: ${reply.body.trim().slice(0, 300)}`
    }
  }
  void submitted.reply?.then(note)
  return account
}

/** The holder of the leader key with its member key; both are needed to ask it. */
export function leaderMember(view: ClusterView): Member | null {
  return view.members.find(member => member.name === view.leader?.name) ?? null
}

/** Waits until the leader accepts writes; the first to take the lease may die before that, and another may follow. */
async function awaitWritable(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  first: Member,
  deadline: Deadline,
): Promise<{ readonly leader: Member; readonly writable: boolean }> {
  let leader = first
  while (deadline.leftMs() > 0) {
    const timeoutMs = Math.min(LOOK_BUDGET_MS, deadline.leftMs())
    // Without an address the leader key is all there is to see.
    if (leader.record.apiUrl === null) return { leader, writable: true }
    if ((await acceptsWrites(operator, leader, plan.survey.modes, timeoutMs)) === true)
      return { leader, writable: true }
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()))
    const read = await operator.store.read(asked.cluster, Math.min(LOOK_BUDGET_MS, deadline.leftMs()))
    leader = (read.known ? leaderMember(read.value) : null) ?? leader
  }
  return { leader, writable: false }
}

/** null: not known, because the member has no address or does not answer. */
export async function acceptsWrites(
  operator: Operator,
  { name, record }: Member,
  { standbyCluster }: ClusterModes,
  timeoutMs: Millis,
): Promise<boolean | null> {
  const { apiUrl } = record
  if (apiUrl === null) return null
  const path = standbyCluster ? '/standby-leader' : '/primary'
  const reply = await operator.members.call({ name, apiUrl }, { method: 'GET', path, timeoutMs })
  return reply.kind === 'answered' ? reply.status === 200 : null
}

async function awaitStreaming(
  operator: Operator,
  cluster: string,
  former: MemberName,
  deadline: Deadline,
): Promise<FormerLeader> {
  let state = 'unknown'
  while (deadline.leftMs() > 0) {
    const budgetMs = Math.min(LOOK_BUDGET_MS, deadline.leftMs())
    const read = await operator.store.read(cluster, budgetMs)
    const member = read.known ? read.value.members.find(other => other.name === former) : undefined
    if (read.known)
      state =
        member === undefined ? 'gone from etcd' : (member.record.replicationState ?? member.record.state)
    if (member !== undefined && (await streams(operator, member, budgetMs))) {
      return { name: former, state: 'streaming', streaming: true }
    }
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()))
  }
  return { name: former, state, streaming: false }
}

/** The member key may be as old as the last beat, so the member is asked; its key counts only if it has no address. */
async function streams(operator: Operator, member: Member, budgetMs: Millis): Promise<boolean> {
  const published = member.record.replicationState === 'streaming' && member.record.role === 'replica'
  const { apiUrl } = member.record
  if (apiUrl === null) return published
  const timeoutMs = Math.min(LOOK_BUDGET_MS, budgetMs)
  const reply = await operator.members.call(
    { name: member.name, apiUrl },
    { method: 'GET', path: '/patroni', timeoutMs },
  )
  return reply.kind === 'answered' ? saysStreaming(reply.body) : false
}

function saysStreaming(body: string): boolean {
  const answer = parseStatusAnswer(body)
  return answer?.role === 'replica' && answer.replicationState === 'streaming'
}
