// Whether a cluster is as it should be: what etcd and each asked member say, and the findings that follow.
// `lookAtCluster` asks; `findingsOf` judges and is pure.

import { modeNotHonoured } from '../../judge/handover.ts'
import { syncProtection } from '../../judge/sync-protection.ts'
import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { runsHactl } from '../../model/cluster/request.ts'
import { slotName } from '../../model/cluster/slot-name.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { ClusterReport, LostMember, MemberReport } from '../../model/command/report.ts'
import type { Bytes, MemberName, Millis, Timeline } from '../../model/units.ts'
import { parseStatusAnswer } from '../../wire/status-answer.ts'
import { type Asked, askMember } from '../members/member-answer.ts'
import { type Deadline, type Operator, readCluster } from '../use-case.ts'
import { clusterModes, documentOf, reportCluster } from './cluster-report.ts'
import { goneText } from './lost-members.ts'

export interface ClusterLook {
  readonly view: ClusterView
  readonly report: ClusterReport
  readonly asked: ReadonlyMap<MemberName, Asked>
  /** null: the leader accepts writes. */
  readonly notWritable: NotWritable | null
}

interface NotWritable {
  readonly why: string
  /** false: the leader's agent, which would know, cannot be asked. */
  readonly isKnown: boolean
}

export interface Finding {
  readonly kind:
    | 'no-leader'
    | 'not-writable'
    | 'no-answer'
    | 'state'
    | 'not-streaming'
    | 'timeline'
    | 'lag'
    | 'problem'
    | 'paused'
    | 'mode'
    | 'synchronous'
    | 'configuration'
    | 'request'
    | 'members'
    | 'keys'
  readonly member: MemberName | null
  readonly text: string
}

export interface Limits {
  /** How many members there should be; null: any number. */
  readonly members: number | null
  readonly lagBytes: Bytes | null
  /** Members that are known to be gone for good: no finding. */
  readonly without?: readonly MemberName[]
}

const ASK_MS: Millis = 2000

export async function lookAtCluster(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<ClusterLook>> {
  const read = await readCluster(operator, cluster, deadline)
  if (!read.ok) return failed(read.failure)
  const view = read.value
  const timeoutMs = Math.max(1, Math.min(ASK_MS, deadline.leftMs()))
  const [answers, notWritable] = await Promise.all([
    Promise.all(
      view.members.map(async member => [member.name, await askMember(operator, member, timeoutMs)] as const),
    ),
    whyNotWritable(operator, view, timeoutMs),
  ])
  const report = reportCluster(cluster, operator.namespace, view)
  const asked = new Map(answers)
  return done({
    ...{ view, report, asked },
    notWritable: notWritable ?? whyMute(view, asked) ?? whyCommitsWait(view),
  })
}

/**
 * The agent may go on leading while PostgreSQL does not answer: then no write is accepted, whatever the health check
 * says.
 */
function whyMute({ leader }: ClusterView, asked: ReadonlyMap<MemberName, Asked>): NotWritable | null {
  const state = asked.get(leader?.name ?? '')?.answer?.state
  return state === 'unknown' ? known('its PostgreSQL does not answer (state unknown)') : null
}

/** A commit that nobody can acknowledge is no write; until a leader lets go of a lost standby it may be one soon. */
function whyCommitsWait(view: ClusterView): NotWritable | null {
  const protection = syncProtection(view, documentOf(view))
  const isStuck = protection?.strict === true && protection.problem?.kind === 'waits'
  return isStuck && protection.problem !== null ? known(protection.problem.text) : null
}

function known(why: string): NotWritable {
  return { why, isKnown: true }
}

async function whyNotWritable(
  operator: Operator,
  view: ClusterView,
  timeoutMs: Millis,
): Promise<NotWritable | null> {
  const leader = leaderOf(view)
  if (leader === null) return known('nobody leads')
  const { apiUrl } = leader.record
  if (apiUrl === null) return { why: 'its member key has no api_url', isKnown: false }
  const path = clusterModes(view).standbyCluster ? '/standby-leader' : '/primary'
  const reply = await operator.members.call({ name: leader.name, apiUrl }, { method: 'GET', path, timeoutMs })
  // Without its agent, PostgreSQL goes on until the lease ends, so it may accept writes.
  if (reply.kind === 'unreachable') return { why: `its agent does not answer (${reply.why})`, isKnown: false }
  if (reply.status === 200) return null
  const problem = problemIn(reply.body)
  return known(`its agent answers ${path} with ${reply.status}${problem === null ? '' : `: ${problem}`}`)
}

/** What hactl's agent says is wrong with its node; null: nothing, or another program's answer. */
function problemIn(body: string): string | null {
  const problem = parseStatusAnswer(body)?.hactl?.problem
  return typeof problem === 'string' ? problem : null
}

/** For a member that leads: why it does not accept writes, or why that is not known. */
export function notWritableText({ why, isKnown }: NotWritable): string {
  return isKnown
    ? `leads, but does not accept writes: ${why}`
    : `leads, but whether it accepts writes is not known: ${why}`
}

function leaderOf({ members, leader }: ClusterView): Member | null {
  return members.find(({ name }) => name === leader?.name) ?? null
}

export function findingsOf(look: ClusterLook, limits: Limits): readonly Finding[] {
  return [
    ...ofLeader(look),
    ...look.report.members.flatMap(member => ofMember(look, member, limits)),
    ...ofCluster(look, limits),
  ]
}

/** Whether somebody accepts writes; null: not known. */
export function serves({ notWritable }: ClusterLook): boolean | null {
  if (notWritable === null) return true
  return notWritable.isKnown ? false : null
}

function ofLeader({ view, notWritable }: ClusterLook): readonly Finding[] {
  if (view.leader === null) return [{ kind: 'no-leader', member: null, text: 'nobody holds the leader key' }]
  const { name } = view.leader
  if (leaderOf(view) === null)
    return [{ kind: 'no-leader', member: name, text: 'holds the leader key, but has no member key' }]
  if (notWritable === null) return []
  return [{ kind: 'not-writable', member: name, text: notWritableText(notWritable) }]
}

function ofMember(look: ClusterLook, member: MemberReport, limits: Limits): readonly Finding[] {
  const { name, holdsLeaderKey } = member
  const finding = (kind: Finding['kind'], text: string): Finding => ({ kind, member: name, text })
  const asked = look.asked.get(name)
  const said = member.problem ?? asked?.answer?.problem ?? null
  const problem = said === null ? [] : [finding('problem', said)]
  if (asked === undefined || asked.answer === null) {
    // A leader that does not answer is already among the findings.
    if (holdsLeaderKey) return problem
    return [
      ...problem,
      finding('no-answer', `its agent does not answer: ${asked?.why ?? 'it was not asked'}`),
    ]
  }
  const { state, streams } = asked.answer
  // The reason why the leader accepts no writes is already among the findings.
  if (holdsLeaderKey && look.notWritable !== null) return problem
  if (state !== 'running') return [...problem, finding('state', `its state is ${state}`)]
  if (holdsLeaderKey) return problem
  if (!streams) return [...problem, finding('not-streaming', 'it does not stream')]
  const timeline = leaderTimeline(look)
  const other = timeline !== null && asked.answer.timeline !== null && asked.answer.timeline !== timeline
  const lag = lagOf(look, name)
  const late = limits.lagBytes !== null && (lag === null || lag > limits.lagBytes)
  return [
    ...problem,
    ...(other
      ? [finding('timeline', `it is on timeline ${asked.answer.timeline}, the leader on ${timeline}`)]
      : []),
    ...(late ? [finding('lag', lagText(lag, limits.lagBytes))] : []),
  ]
}

function lagText(lag: Bytes | null, limit: Bytes | null): string {
  return lag === null ? 'how far it is behind is not known' : `it is ${lag} bytes behind, more than ${limit}`
}

export function leaderTimeline({ view, asked }: ClusterLook): Timeline | null {
  return asked.get(view.leader?.name ?? '')?.answer?.timeline ?? null
}

/** Bytes that the member has not replayed. */
export function lagOf({ view, asked }: ClusterLook, name: MemberName): Bytes | null {
  const leaderAt = asked.get(view.leader?.name ?? '')?.answer?.position ?? view.status?.value.optime ?? null
  const at = asked.get(name)?.answer?.position ?? null
  if (leaderAt === null || at === null) return null
  return leaderAt > at ? leaderAt - at : 0n
}

function ofCluster(look: ClusterLook, limits: Limits): readonly Finding[] {
  const { view, report } = look
  const finding = (kind: Finding['kind'], text: string): Finding => ({ kind, member: null, text })
  const config = view.config?.value
  const count = view.members.length
  const few = limits.members !== null && count < limits.members
  return [
    ...(few ? [finding('members', `${count} of ${limits.members} expected members are there`)] : []),
    ...goneFindings(report, limits.without ?? []),
    ...(report.paused ? [finding('paused', 'the cluster is paused: nobody fails over')] : []),
    ...(config?.valid === false
      ? [finding('configuration', `the configuration in etcd cannot be read: ${config.why}`)]
      : []),
    ...(report.unreadableRequest === null
      ? []
      : [finding('request', `a request is pending that is not understood: ${report.unreadableRequest}`)]),
    ...keyFindings(report).map(text => finding('keys', text)),
    ...synchronousFinding(look).map(text => finding('synchronous', text)),
    ...unsupported(view).map(mode => finding('mode', `${mode} is on, which hactl does not support yet`)),
  ]
}

/** Members whose slot is kept are expected back. */
function goneFindings({ lostMembers }: ClusterReport, without: readonly MemberName[]): readonly Finding[] {
  return lostMembers
    .filter(({ name, slot }) => !without.some(one => one === name || slotName(one) === slot))
    .map(lost => ({
      kind: 'members',
      member: lost.name ?? lost.slot,
      text: `${goneText(lost)}${keptText(lost)}`,
    }))
}

function keptText({ slotUntil }: LostMember): string {
  return slotUntil === null ? '' : `; its slot is kept until ${slotUntil}`
}

const KEYS_NAMED_MAX = 5

/** Keys in etcd that have no effect, because hactl refuses them or has no room for them. */
function keyFindings({ refusedKeys, refusedMembers, leftOutMembers }: ClusterReport): readonly string[] {
  const named = refusedKeys.slice(0, KEYS_NAMED_MAX)
  const others = refusedKeys.filter(({ key }) => !key.startsWith('members/')).length
  const more = refusedMembers + others - named.length
  return [
    ...named.map(({ key, why }) => `the key ${key} in etcd is refused: ${why}`),
    ...(more > 0 ? [`${more} more keys in etcd are refused`] : []),
    ...(leftOutMembers > 0
      ? [`${leftOutMembers} keys below members/ are left out: etcd has more than a cluster has members`]
      : []),
  ]
}

/** That every commit waits is already the reason why the leader accepts no writes. */
function synchronousFinding({ report, notWritable }: ClusterLook): readonly string[] {
  const { problem } = report.synchronous
  return problem === null || problem === notWritable?.why ? [] : [problem]
}

/** Members that run Patroni support all of these modes. */
function unsupported(view: ClusterView): readonly string[] {
  if (view.config?.value.valid !== true || !view.members.some(runsHactl)) return []
  const modes = clusterModes(view)
  const [mode] = modeNotHonoured(modes)?.split(':') ?? []
  return [...(mode === undefined ? [] : [mode]), ...(modes.failsafeMode ? ['failsafe_mode'] : [])]
}
