// A command's words for a switchover or failover that would not be done: one text for each refusal of the common judge,
// and one for a request that is in the way.

import { type Answers, modeNotHonoured } from '../../judge/handover.ts'
import { type OtherRequest, otherRequest } from '../../judge/other-request.ts'
import { shortOfQuorum } from '../../judge/synchronous.ts'
import { describeRequest } from '../../model/cluster/request.ts'
import type { CandidateVerdict, RefusalCode } from '../../model/cluster/verdict.ts'
import type { Failure } from '../../model/command/failure.ts'
import { eitherOf } from '../../model/command/nearest.ts'
import type { MemberName, WallMillis } from '../../model/units.ts'
import { memberMissing } from '../look/lost-members.ts'
import type { CommandRequest } from './handover-request.ts'
import type { Survey } from './survey.ts'

interface Refused {
  readonly asked: CommandRequest
  readonly survey: Survey
  readonly code: RefusalCode
  readonly candidates: readonly CandidateVerdict[]
  readonly answers: Answers
}

export function failureOf(refused: Refused): Failure {
  const { asked, survey, code, candidates } = refused
  const { action, cluster } = asked
  switch (code) {
    case 'candidate-required': {
      const hint = `choose one of ${survey.eligible.join(', ') || 'the members'} with --candidate.`
      return { kind: 'usage', message: 'failover could be performed only to a specific candidate', hint }
    }
    case 'no-leader':
      return { kind: 'no-leader', cluster, why: '' }
    case 'same-member':
    case 'leader-mismatch':
      return leaderMismatch(asked, survey)
    case 'candidate-unknown':
      return unknownMember(asked, survey, asked.candidate ?? '')
    case 'scheduled-in-pause':
      return refusal(action, "can't schedule switchover in the paused state", 'resume the cluster first.')
    case 'candidate-required-in-pause': {
      const reason = 'in the paused state it is possible only to a specific candidate'
      return refusal(action, reason, 'name it with --candidate.')
    }
    case 'candidate-is-leader':
      return refusal(action, `${asked.candidate} is the leader already`, `see hactl list ${cluster}.`)
    case 'candidate-not-in-sync':
      return refusal(action, `candidate ${asked.candidate}: ${notInSync(survey)}`, asynchronousHint(refused))
    case 'mode-unsupported':
      return unsupported(asked, survey)
    case 'leader-silent':
      return silentLeader(refused)
    case 'candidate-unfit':
      return unfit(refused)
    case 'no-sync-standby':
    case 'no-candidate':
    case 'no-other-member':
      return { kind: 'no-good-candidate', action, cluster, verdicts: candidates }
    case 'quorum-not-reached':
      return refusal(action, withoutQuorum(refused), 'name the member with --candidate: it needs no votes.')
    default:
      return code satisfies never
  }
}

/** A request that no agent has finished; null: nothing is in the way. */
export function requestInTheWay(
  { cluster, replace }: CommandRequest,
  { view }: Survey,
  nowMs: WallMillis,
): Failure | null {
  const other = otherRequest(view, null, nowMs)
  if (other === null || (replace && other.is !== 'begun')) return null
  const hint =
    other.is === 'begun'
      ? `wait until hactl list ${cluster} shows its result, then try again.`
      : `--replace takes its place; see hactl list ${cluster}.`
  return { kind: 'conflict', what: whatIsInTheWay(cluster, other), hint }
}

function whatIsInTheWay(cluster: string, other: OtherRequest): string {
  if (other.is === 'unreadable')
    return `a request for cluster ${cluster} is pending that is not understood: ${other.why}`
  const state = { pending: 'is pending', scheduled: 'is scheduled', begun: 'is being carried out' }[other.is]
  return `another request for cluster ${cluster} ${state}: ${describeRequest(other.request)}`
}

function leaderMismatch(asked: CommandRequest, survey: Survey): Failure {
  const { cluster, leader: named } = asked
  const { view, leader } = survey
  if (named === null || leader === null) return { kind: 'no-leader', cluster, why: '' }
  return view.members.some(({ name }) => name === named)
    ? { kind: 'not-the-leader', cluster, member: named, leader }
    : memberMissing(cluster, named, view)
}

function unknownMember({ cluster }: CommandRequest, { view, eligible }: Survey, name: MemberName): Failure {
  return memberMissing(
    cluster,
    name,
    view,
    view.members.filter(member => eligible.includes(member.name)),
  )
}

function notInSync({ view }: Survey): string {
  return `not a synchronous standby (${view.sync?.value.standbys.join(', ') || 'there is none'})`
}

function asynchronousHint({ asked: { cluster, candidate }, survey: { view } }: Refused): string {
  const standbys = view.sync?.value.standbys ?? []
  const other = standbys.length === 0 ? '' : `choose ${eitherOf(standbys)}; `
  return `${other}hactl failover ${cluster} --candidate ${candidate} hands over to an asynchronous standby.`
}

function withoutQuorum({ survey: { view, modes }, candidates }: Refused): string {
  const able = candidates.filter(({ code }) => code === 'good').map(({ name }) => name)
  const situation = { modes, sync: view.sync?.value ?? null, isLed: true }
  const others = candidates.filter(({ code }) => code !== 'good')
  const reasons = others.map(({ name, reason }) => `; ${name}: ${reason}`).join('')
  return `${shortOfQuorum(situation, able) ?? 'too few voters can take over'}${reasons}`
}

function unsupported({ action, cluster }: CommandRequest, { leader, modes }: Survey): Failure {
  const reason = `${modeNotHonoured(modes)} is on, which the leader ${leader} (hactl) cannot honour yet`
  return refusal(action, reason, `see hactl show-config ${cluster}.`)
}

function silentLeader({ asked, survey: { leader }, answers }: Refused): Failure {
  const answer = answers.get(leader ?? '')
  const state = answer?.known === true ? ` (state ${answer.value.state})` : ''
  const reason = `PostgreSQL of the leader ${leader} does not answer${state}, so that it cannot hand over`
  const hint = `see the log of ${leader}; stopping its agent there lets another member take over.`
  return refusal(asked.action, reason, hint)
}

function unfit({ asked, candidates, answers }: Refused): Failure {
  const name = asked.candidate ?? ''
  const verdict = candidates.find(other => other.name === name)
  if (verdict?.code === 'unreachable') {
    const answer = answers.get(name)
    return {
      kind: 'member-unreachable',
      member: name,
      why: answer?.known === false ? answer.why : 'not asked',
    }
  }
  return refusal(asked.action, `candidate ${name}: ${verdict?.reason ?? 'not judged'}`, otherHint(asked))
}

function otherHint({ action, cluster }: CommandRequest): string {
  return `see hactl ${action} ${cluster} --dry-run for the others.`
}

function refusal(action: string, reason: string, hint: string): Failure {
  return { kind: 'refused', action, reason, hint }
}
