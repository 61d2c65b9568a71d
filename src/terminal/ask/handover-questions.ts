// What `switchover` and `failover` ask before they begin, in the order that operators know, and how flags answer it.
// Without a terminal nothing is asked: missing flags take their defaults, and only --force may go on.

import type { Survey } from '../../admin/handover/survey.ts'
import type { HandoverAction, HandoverRequest } from '../../model/cluster/request.ts'
import type { Failure, Result } from '../../model/command/failure.ts'
import { done, failed } from '../../model/command/failure.ts'
import { eitherOf, nearestNames } from '../../model/command/nearest.ts'
import type { MemberName, WallMillis } from '../../model/units.ts'
import { objectionToTime, parseFutureSchedule } from '../format/schedule.ts'
import { line, toStderr } from '../print.ts'
import { askText, askYesNo, canAsk, type Objection } from './questions.ts'

export interface HandoverAnswers {
  readonly leader?: string | undefined
  readonly candidate?: string | undefined
  readonly scheduled?: string | undefined
  readonly force: boolean
  readonly 'dry-run': boolean
}

type Asked = HandoverRequest & { readonly cluster: string }

export async function completeRequest(
  action: HandoverAction,
  cluster: string,
  survey: Survey,
  answers: HandoverAnswers,
  nowMs: WallMillis,
): Promise<Result<Asked>> {
  const asks = !answers.force && !answers['dry-run'] && canAsk()
  const switchover = action === 'switchover'
  const role = survey.modes.standbyCluster ? 'Standby Leader' : 'Primary'
  // Without a leader a switchover is refused: there is nothing to ask for.
  const useful = asks && (!switchover || survey.leader !== null)
  const leader = await answer(answers.leader, useful && switchover, role, survey.leader ?? '', name =>
    name === '' || name === survey.leader ? null : `${name} does not lead: the leader is ${survey.leader}`,
  )
  if (!leader.ok) return failed(leader.failure)
  const names = `['${survey.eligible.join("', '")}']`
  const candidate = await answer(answers.candidate, useful, `Candidate ${names}`, '', name =>
    objectionToCandidate(name, action, survey),
  )
  if (!candidate.ok) return failed(candidate.failure)
  const when = await answer(
    answers.scheduled,
    useful && switchover,
    `When should the switchover take place (e.g. 2030-01-01T12:35)`,
    'now',
    objectionToTime(nowMs),
  )
  if (!when.ok) return failed(when.failure)
  const schedule = await parseFutureSchedule(when.value, nowMs)
  if (!schedule.ok) {
    return failed({
      kind: 'usage',
      message: schedule.why,
      hint: 'for example --scheduled 2030-01-01T12:35+01:00, or now.',
    })
  }
  if (schedule.said !== null) toStderr(line`${schedule.said}\n`)
  return done({
    action,
    cluster,
    leader: leader.value === '' ? null : leader.value,
    candidate: candidate.value === '' ? null : candidate.value,
    scheduledAt: schedule.schedule,
  })
}

async function answer(
  given: string | undefined,
  ask: boolean,
  question: string,
  suggestion: string,
  objection: Objection,
): Promise<Result<string>> {
  if (given !== undefined) return done(given)
  return ask ? askText(question, suggestion, objection) : done('')
}

/** Checks the names alone; whether it would work is judged when all questions are answered. */
function objectionToCandidate(name: string, action: HandoverAction, survey: Survey): string | null {
  const { eligible } = survey
  if (name === '') return action === 'failover' ? 'a failover needs a candidate' : null
  if (name === survey.leader) return `${name} leads already`
  if (eligible.includes(name)) return null
  const near = nearestNames(name, eligible)
  const who = near.length > 0 ? `did you mean ${eitherOf(near)}?` : `choose one of ${eligible.join(', ')}`
  return `${name} cannot take over: ${who}`
}

/** null: go on. */
export async function confirmHandover(
  asked: Asked,
  survey: Survey,
  answers: HandoverAnswers,
): Promise<Failure | null> {
  if (answers.force) return null
  const question = confirmation(asked, survey)
  if (!canAsk()) return { kind: 'not-a-terminal', question, flags: '--force' }
  const asynchronous = asynchronousCandidate(asked, survey)
  if (asynchronous !== null) {
    const accepted = await askYesNo(
      `Are you sure you want to failover to the asynchronous node ${asynchronous}?`,
    )
    if (!accepted.ok) return accepted.failure
    if (!accepted.value) return { kind: 'declined', what: 'failover' }
  }
  const confirmed = await askYesNo(question)
  if (!confirmed.ok) return confirmed.failure
  const what = asked.scheduledAt === null ? asked.action : `scheduled ${asked.action}`
  return confirmed.value ? null : { kind: 'declined', what }
}

function confirmation(asked: Asked, survey: Survey): string {
  const demoting = survey.leader === null ? '' : `, demoting current leader ${survey.leader}`
  if (asked.scheduledAt === null)
    return `Are you sure you want to ${asked.action} cluster ${asked.cluster}${demoting}?`
  return `Are you sure you want to schedule ${asked.action} of cluster ${asked.cluster} at ${asked.scheduledAt.text}${demoting}?`
}

function asynchronousCandidate({ action, candidate }: Asked, { asynchronous }: Survey): MemberName | null {
  return action === 'failover' && candidate !== null && asynchronous.includes(candidate) ? candidate : null
}
