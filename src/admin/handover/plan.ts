// Before a switchover or failover: what was asked for, what the cluster looks like, and whether it would work. The
// agents judge again when they act; asking first means that a refusal comes with its reason and nothing was touched.

import { judgeCandidates, rankCandidates, withoutSilent } from '../../judge/candidates.ts'
import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import type { PeerView } from '../../model/cluster/peer.ts'
import { describeRequest, isExpired } from '../../model/cluster/request.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { CandidateVerdict } from '../../model/cluster/verdict.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { Seen } from '../../model/seen.ts'
import { type Bytes, type Lsn, type MemberName, maxLsn, type WallMillis } from '../../model/units.ts'
import { type ClusterModes, maximumLagOf } from '../../wire/modes.ts'
import { clusterModes } from '../look/cluster-report.ts'
import { memberMissing } from '../look/lost-members.ts'
import type { EndangeredCopy } from '../members/endangered-copies.ts'
import { type Deadline, type Operator, readCluster } from '../operator.ts'

export type HandoverAction = 'switchover' | 'failover'

export interface HandoverWish {
  readonly action: HandoverAction
  readonly cluster: string
  /** Whom to take the lead from; null: whoever leads. */
  readonly leader: MemberName | null
  /** null: the best one (switchover only). */
  readonly candidate: MemberName | null
  /** With its time zone; null: now. */
  readonly scheduledAt: { readonly text: string; readonly wallMs: WallMillis } | null
  readonly acceptDataLoss: boolean
  /** In the place of a request that is pending; never of one that is begun. */
  readonly replace: boolean
}

export interface Survey {
  readonly view: ClusterView
  readonly modes: ClusterModes
  readonly leader: MemberName | null
  /** Members other than the leader that are not tagged nofailover, by name. */
  readonly eligible: readonly MemberName[]
}

export interface HandoverPlan {
  readonly survey: Survey
  /** The candidate leads already: nothing to do. */
  readonly alreadySo: boolean
  readonly verdicts: readonly CandidateVerdict[]
  /** The named candidate, or who would most likely win; null: nobody. */
  readonly winner: MemberName | null
  /** WAL that would be given up: 0 when the leader hands over itself; null: cannot be told. */
  readonly lostBytes: Bytes | null
  readonly leaderPosition: Lsn | null
  /** Why it would not be done; null: it would. */
  readonly failure: Failure | null
  /** Of the data, that would end; absent: nobody was asked. */
  readonly copies?: readonly EndangeredCopy[]
}

type Answers = ReadonlyMap<MemberName, Seen<PeerView>>
type Judged = Omit<HandoverPlan, 'failure'>

const PEER_TIMEOUT_MS = 2000

export async function surveyCluster(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<Survey>> {
  const read = await readCluster(operator, cluster, deadline)
  return read.ok ? done(surveyOf(read.value)) : failed(read.failure)
}

export function surveyOf(view: ClusterView): Survey {
  const leader = view.leader?.name ?? null
  const eligible = view.members
    .filter(member => member.name !== leader && !forbids(member))
    .map(member => member.name)
  return { view, modes: clusterModes(view), leader, eligible }
}

function forbids(member: Member): boolean {
  return judgeCandidates({ ...NOTHING_ASKED, members: [member] })[0]?.code === 'nofailover'
}

const NOTHING_ASKED = {
  members: [],
  answers: new Map<MemberName, Seen<PeerView>>(),
  exclude: [],
  requested: null,
  voters: null,
  wal: { kind: 'none', leaderPosition: null },
  clusterTimeline: null,
} as const

/** What is wrong with the wish, by names and modes alone; null: nothing. */
function checkWish(wish: HandoverWish, survey: Survey, nowMs: WallMillis): Failure | null {
  const { action, cluster, candidate } = wish
  const { leader, view, modes } = survey
  if (action === 'failover' && candidate === null) {
    const hint = `choose one of ${survey.eligible.join(', ') || 'the members'} with --candidate.`
    return { kind: 'usage', message: 'failover could be performed only to a specific candidate', hint }
  }
  if (action === 'switchover' && leader === null) return { kind: 'no-leader', cluster, why: '' }
  if (wish.leader !== null && leader !== null && wish.leader !== leader && candidate !== leader) {
    return isMember(view, wish.leader)
      ? { kind: 'not-the-leader', cluster, member: wish.leader, leader }
      : memberMissing(cluster, wish.leader, view)
  }
  if (candidate !== null && !isMember(view, candidate))
    return memberMissing(
      cluster,
      candidate,
      view,
      view.members.filter(({ name }) => survey.eligible.includes(name)),
    )
  if (modes.paused && wish.scheduledAt !== null)
    return refusal(action, "can't schedule switchover in the paused state", 'resume the cluster first.')
  if (modes.paused && candidate === null) {
    return refusal(
      action,
      'in the paused state it is possible only to a specific candidate',
      'name it with --candidate.',
    )
  }
  return requestInTheWay(wish, survey, nowMs)
}

/** A request that no agent has finished. One that its maker gave up is no obstacle. */
function requestInTheWay(wish: HandoverWish, { view, leader }: Survey, nowMs: WallMillis): Failure | null {
  const [unreadable] = view.unreadable ?? []
  if (unreadable !== undefined && !wish.replace) {
    const what = `a request for cluster ${wish.cluster} is pending that is not understood: ${unreadable.why}`
    return { kind: 'conflict', what, hint: `--replace takes its place; see hactl list ${wish.cluster}.` }
  }
  const pending = view.failover?.value ?? null
  if (pending === null || isExpired(pending, nowMs)) return null
  const begunBy = pending.note?.begunBy ?? null
  const isBegun = begunBy !== null && begunBy === leader
  if (wish.replace && !isBegun) return null
  const what = isBegun ? 'is being carried out' : pending.scheduledAt === null ? 'is pending' : 'is scheduled'
  return {
    kind: 'conflict',
    what: `another request for cluster ${wish.cluster} ${what}: ${describeRequest(pending)}`,
    hint: isBegun
      ? `wait until hactl list ${wish.cluster} shows its result, then try again.`
      : `--replace takes its place; see hactl list ${wish.cluster}.`,
  }
}

function refusal(action: string, reason: string, hint: string): Failure {
  return { kind: 'refused', action, reason, hint }
}

function isMember(view: ClusterView, name: MemberName): boolean {
  return view.members.some(member => member.name === name)
}

/** Asks every other member, and the leader for its position, and judges. Bounded by 2 s and the deadline. */
export async function planHandover(
  operator: Operator,
  wish: HandoverWish,
  survey: Survey,
  deadline: Deadline,
): Promise<HandoverPlan> {
  const alreadySo = wish.candidate !== null && wish.candidate === survey.leader
  const unjudged = { verdicts: [], winner: wish.candidate, lostBytes: 0n, leaderPosition: null }
  const nothing = { survey, alreadySo, ...unjudged }
  const wrong = checkWish(wish, survey, operator.clock.wallMs())
  if (wrong !== null || alreadySo) return { ...nothing, failure: wrong }
  const askable = survey.view.members.filter(member => member.record.apiUrl !== null)
  const answers = await operator.peers.ask(askable, Math.min(PEER_TIMEOUT_MS, deadline.leftMs()))
  return judgePlan(wish, survey, answers)
}

function judgePlan(wish: HandoverWish, survey: Survey, answers: Answers): HandoverPlan {
  const leaderPosition = lastKnownPosition(survey, answers)
  const judged = judgeCandidates({
    members: survey.view.members,
    answers,
    exclude: survey.leader === null ? [] : [survey.leader],
    requested: null,
    voters: wish.action === 'failover' ? null : votersOf(survey),
    wal:
      survey.leader === null
        ? { kind: 'none', leaderPosition }
        : { kind: 'lag', leaderPosition, maximumBytes: maximumLag(survey.view) },
    clusterTimeline: survey.modes.standbyCluster ? null : clusterTimeline(survey.view.history?.value ?? null),
  })
  const { leader } = survey
  const leaderSays = leader === null ? undefined : answers.get(leader)
  const receivers = leaderSays?.known === true ? (leaderSays.value.receivers ?? null) : null
  const verdicts = leader === null ? judged : withoutSilent(judged, survey.view.members, leader, receivers)
  const winner = wish.candidate ?? rankCandidates(verdicts)[0]?.name ?? null
  const lostBytes = bytesLost(winner, survey, verdicts, leaderPosition)
  const plan = { survey, alreadySo: false, verdicts, winner, lostBytes, leaderPosition }
  // A scheduled switchover is judged when its time has come: what is true now says little.
  if (wish.scheduledAt !== null) return { ...plan, failure: null }
  const failure =
    silentLeader(wish, survey, leaderSays) ?? objection(wish, verdicts) ?? dataLoss(wish, plan, answers)
  return { ...plan, failure }
}

/** A leader whose server answers nothing cannot hand over: the request would wait, and come about when it wakes up. */
function silentLeader(
  { action }: HandoverWish,
  { leader }: Survey,
  says: Seen<PeerView> | undefined,
): Failure | null {
  if (leader === null || says?.known !== true || says.value.position !== null) return null
  const reason = `PostgreSQL of the leader ${leader} does not answer (state ${says.value.state}), so that it cannot hand over`
  const hint = `see the log of ${leader}; stopping its agent there lets another member take over.`
  return refusal(action, reason, hint)
}

function objection(wish: HandoverWish, verdicts: readonly CandidateVerdict[]): Failure | null {
  const { action, cluster } = wish
  if (wish.candidate === null) {
    const nobody = verdicts.every(verdict => verdict.code !== 'good')
    return nobody ? { kind: 'no-good-candidate', action, cluster, verdicts } : null
  }
  const verdict = verdicts.find(other => other.name === wish.candidate)
  if (verdict === undefined || verdict.code === 'good') return null
  if (verdict.code === 'unreachable') {
    return {
      kind: 'member-unreachable',
      member: verdict.name,
      why: verdict.reason.replace(/^not reachable: /, ''),
    }
  }
  return refusal(
    action,
    `candidate ${verdict.name}: ${verdict.reason}`,
    `see hactl ${action} ${cluster} --dry-run for the others.`,
  )
}

function dataLoss(wish: HandoverWish, plan: Judged, answers: Answers): Failure | null {
  const candidate = plan.winner
  if (wish.acceptDataLoss || candidate === null) return null
  const unguarded = mayRunUnguarded(plan.survey, answers)
  if (unguarded !== null) {
    const why = `${unguarded} led last and does not answer, and in maintenance mode nothing stops its server: if it still runs, what it accepts is lost`
    return { kind: 'data-loss', action: wish.action, candidate, lostBytes: null, why }
  }
  if (plan.lostBytes === 0n) return null
  const why =
    plan.lostBytes === null
      ? 'it is not a synchronous standby and there is no leader to hand over'
      : 'there is no leader to hand over, and more WAL than the candidate has is known to have been written'
  return { kind: 'data-loss', action: wish.action, candidate, lostBytes: plan.lostBytes, why }
}

/** Who did not give the lease up in good order, and does not say that it is down. */
function mayRunUnguarded({ modes, leader, view }: Survey, answers: Answers): MemberName | null {
  const last = view.lastLeader?.value ?? null
  return modes.paused && leader === null && last !== null && answers.get(last)?.known !== true ? last : null
}

/**
 * A leader that hands over waits until the candidate has everything. Without one, what the candidate lacks of the last
 * published position, or of what another member has, is lost; so may be what was acknowledged by synchronous standbys.
 */
function bytesLost(
  winner: MemberName | null,
  survey: Survey,
  verdicts: readonly CandidateVerdict[],
  leaderPosition: Lsn | null,
): Bytes | null {
  if (survey.leader !== null || winner === null) return 0n
  const newest = verdicts.reduce<Lsn | null>(
    (most, verdict) => maxLsn(most, verdict.position),
    leaderPosition,
  )
  const position = verdicts.find(verdict => verdict.name === winner)?.position ?? null
  const behind = newest === null || position === null || position >= newest ? 0n : newest - position
  if (behind > 0n) return behind
  const voters = votersOf(survey)
  const acknowledges = voters === null || voters.some(name => name.toLowerCase() === winner.toLowerCase())
  return acknowledges ? 0n : null
}

function lastKnownPosition(survey: Survey, answers: Answers): Lsn | null {
  const published = survey.view.status?.value.optime ?? null
  const answer = survey.leader === null ? undefined : answers.get(survey.leader)
  return answer?.known === true && answer.value.runsAsPrimary
    ? maxLsn(published, answer.value.position)
    : published
}

/** Names that may win while synchronous replication is active; null: it is not. */
function votersOf(survey: Survey): readonly MemberName[] | null {
  const sync = survey.view.sync?.value
  if (survey.modes.synchronousMode === 'off' || !sync?.leader) return null
  return survey.leader === null ? [sync.leader, ...sync.standbys] : sync.standbys
}

function maximumLag(view: ClusterView): Bytes {
  const config = view.config?.value
  return maximumLagOf(config?.valid === true ? config.document : {})
}
