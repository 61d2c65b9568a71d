// Follows a requested switchover or failover to its end: first until etcd names another leader, then until that one
// says itself that it accepts writes, then until the former leader streams from it. Nothing is claimed that was not seen.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import type { BootMillis, MemberName, Millis } from '../../model/units.ts'
import type { MemberReply } from '../../ports/operator.ts'
import type { ClusterModes } from '../../wire/modes.ts'
import type { Deadline, Operator } from '../operator.ts'
import type { HandoverPlan, HandoverWish } from './plan.ts'
import type { Submitted } from './submit.ts'

export interface Followed {
  readonly newLeader: MemberName | null
  /** The new leader's REST API says so. */
  readonly writable: boolean
  readonly formerLeader: FormerLeader | null
  /** Why the agents gave it up, when they did; null: they did not, or nobody said. */
  readonly abandoned: string | null
  /** Last thing that was waited for. */
  readonly sofar: string
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
/** A single look may not take the whole time that is left. */
const LOOK_BUDGET_MS: Millis = 2000
/** The agents withdraw a request as soon as they have judged it: how long it may be gone without a new leader. */
const WITHDRAWN_MS: Millis = 2000

export async function followHandover(
  operator: Operator,
  wish: HandoverWish,
  plan: HandoverPlan,
  submitted: Submitted,
  { deadline, progress }: { readonly deadline: Deadline; readonly progress: (text: string) => void },
): Promise<Followed> {
  const since = (): Millis => operator.clock.bootMs() - submitted.atMs
  const nothing = { newLeader: null, writable: false, formerLeader: null, abandoned: null }
  const noTiming = { leaderMs: null, writableMs: null, streamingMs: null }

  progress('requested; waiting until another member leads')
  const change = await awaitNewLeader(operator, wish, plan, submitted, deadline)
  if (change.leader === null) {
    return { ...nothing, abandoned: change.abandoned, sofar: change.sofar, timing: noTiming }
  }
  const leaderMs = since()
  const former = plan.survey.leader
  progress(`${change.leader.name} leads after ${secondsOf(leaderMs)}; waiting until it accepts writes`)
  const { leader: newLeader, writable } = await awaitWritable(operator, wish, plan, change.leader, deadline)
  if (newLeader.name === former) {
    const abandoned = `${change.leader.name} took the lease and lost it before it accepted writes`
    return { ...nothing, abandoned, sofar: `${former} leads again`, timing: noTiming }
  }
  const timing = { ...noTiming, leaderMs, writableMs: writable ? since() : null }
  const base = { newLeader: newLeader.name, writable, abandoned: null }
  if (!writable || former === null) {
    return { ...base, formerLeader: null, sofar: `${newLeader.name} holds the leader key`, timing }
  }
  progress(
    `${newLeader.name} accepts writes after ${secondsOf(timing.writableMs ?? 0)}; waiting until ${former} streams from it`,
  )
  const formerLeader = await awaitStreaming(operator, wish.cluster, former, deadline)
  const streamingMs = formerLeader.streaming ? since() : null
  return { ...base, formerLeader, sofar: `${newLeader.name} leads`, timing: { ...timing, streamingMs } }
}

export function secondsOf(ms: Millis): string {
  return `${(ms / 1000).toFixed(1)} s`
}

interface LeaderChange {
  readonly leader: Member | null
  readonly abandoned: string | null
  readonly sofar: string
}

async function awaitNewLeader(
  operator: Operator,
  wish: HandoverWish,
  plan: HandoverPlan,
  submitted: Submitted,
  deadline: Deadline,
): Promise<LeaderChange> {
  const before = plan.survey.leader
  const account = accountOf(submitted)
  let withdrawnSinceMs: BootMillis | null = null
  let sofar = 'etcd was not readable'
  while (deadline.leftMs() > 0) {
    const read = await operator.store.read(wish.cluster, Math.min(LOOK_BUDGET_MS, deadline.leftMs()))
    if (read.known) {
      const leader = leaderMember(read.value)
      if (leader !== null && leader.name !== before) return { leader, abandoned: null, sofar: '' }
      sofar = leader === null ? 'there is no leader at the moment' : `${leader.name} still leads`
      const withdrawn = leader !== null && read.value.failover === null
      withdrawnSinceMs = withdrawn ? (withdrawnSinceMs ?? operator.clock.bootMs()) : null
      const longAgo = withdrawnSinceMs !== null && operator.clock.bootMs() - withdrawnSinceMs >= WITHDRAWN_MS
      if (longAgo || (withdrawn && account.failed !== null)) {
        const reason = account.failed ?? 'the agents withdrew the request without a new leader'
        return { leader: null, abandoned: reason, sofar }
      }
    }
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()))
  }
  return { leader: null, abandoned: null, sofar }
}

interface Account {
  /** What the member that followed the request says went wrong. */
  failed: string | null
}

function accountOf(submitted: Submitted): Account {
  const account: Account = { failed: null }
  const note = (reply: MemberReply): void => {
    if (reply.kind === 'answered' && reply.status >= 400 && !reply.body.includes('status unknown')) {
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

/** Until whoever leads says that it accepts writes: the first to take the lease may die before, and another one follow. */
async function awaitWritable(
  operator: Operator,
  wish: HandoverWish,
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
    const read = await operator.store.read(wish.cluster, Math.min(LOOK_BUDGET_MS, deadline.leftMs()))
    leader = (read.known ? leaderMember(read.value) : null) ?? leader
  }
  return { leader, writable: false }
}

/** null: not known; it has no address to be asked at, or does not answer. */
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

/** Its member key may be as old as its last beat: it is asked itself, and believed when it cannot be. */
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
  try {
    const document = JSON.parse(body) as { readonly role?: unknown; readonly replication_state?: unknown }
    return document.role === 'replica' && document.replication_state === 'streaming'
  } catch {
    return false
  }
}
