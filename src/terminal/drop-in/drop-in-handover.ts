// patronictl's questions and refusals before a switchover or failover, in its order and with its sentences
// (spec/interfaces.md 2.4), and how it prints the answer. The drop-in judges nothing else: the member that is asked
// does.

import { type HandoverAnswer, handOverByAnswer } from '../../admin/handover/by-answer.ts'
import type { CommandRequest } from '../../admin/handover/handover-request.ts'
import { type Survey, surveyOf } from '../../admin/handover/survey.ts'
import { deadlineIn, type Operator, readWhatIsThere } from '../../admin/use-case.ts'
import type { HandoverAction } from '../../model/cluster/request.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName, WallMillis } from '../../model/units.ts'
import type { HandoverAnswers } from '../ask/handover-questions.ts'
import { interruptible } from '../ask/interruptible.ts'
import { askText, askYesNo } from '../ask/questions.ts'
import { type GlobalFlags, READ_TIMEOUT_MS, WAIT_TIMEOUT_MS } from '../command.ts'
import { isoWithZone, localTime } from '../format/line-time.ts'
import { parseSchedule } from '../format/schedule.ts'
import { line, toStderr, toStdout } from '../print.ts'
import { clusterTable } from '../table/cluster-table.ts'

/** Asks, waits and reports as patronictl does; even a refusal by the member ends with 0. */
export async function handOverAsPatronictl(
  operator: Operator,
  action: HandoverAction,
  cluster: string,
  answers: HandoverAnswers & Pick<GlobalFlags, 'timeout'>,
): Promise<{
  readonly result: Result<HandoverAnswer>
  readonly text: (answer: HandoverAnswer) => string
}> {
  const { clock } = operator
  const notAsked = (failure: Failure) => ({ result: failed<HandoverAnswer>(failure), text: () => '' })
  const look = () => readWhatIsThere(operator, cluster, deadlineIn(clock, READ_TIMEOUT_MS))
  const read = await look()
  if (!read.ok) return notAsked(read.failure)
  const survey = surveyOf(read.value)
  toStdout(`Current cluster topology\n${clusterTable(operator, cluster, survey.view)}`)
  const asked = await askAsPatronictl(action, cluster, survey, answers, clock.wallMs())
  if (!asked.ok) return notAsked(asked.failure)
  const request = { ...asked.value, acceptDataLoss: true, replace: false }
  const deadline = deadlineIn(clock, answers.timeout ?? WAIT_TIMEOUT_MS)
  const result = await interruptible(interrupted =>
    handOverByAnswer(operator, request, survey, deadline, interrupted),
  )
  const isDone = result.ok && result.value.kind === 'answered' && result.value.status < 300
  const after = isDone ? await look() : null
  const isShown = result.ok && (isDone || result.value.kind === 'through etcd')
  const table = isShown ? clusterTable(operator, cluster, after?.ok === true ? after.value : survey.view) : ''
  return { result, text: answer => answerText(action, answer, clock.wallMs()) + table }
}

type Asked = Omit<CommandRequest, 'acceptDataLoss' | 'replace'>

async function askAsPatronictl(
  action: HandoverAction,
  cluster: string,
  survey: Survey,
  answers: HandoverAnswers,
  nowMs: WallMillis,
): Promise<Result<Asked>> {
  const leader = action === 'switchover' ? await askLeader(cluster, survey, answers) : done(null)
  if (!leader.ok) return failed(leader.failure)
  const candidate = await askCandidate(action, cluster, survey, answers)
  if (!candidate.ok) return failed(candidate.failure)
  const asynchronous = await acceptAsynchronous(action, candidate.value, survey, answers)
  if (!asynchronous.ok) return failed(asynchronous.failure)
  const scheduledAt = action === 'switchover' ? await askTime(survey, answers, nowMs) : done(null)
  if (!scheduledAt.ok) return failed(scheduledAt.failure)
  const asked = {
    ...{ action, cluster, leader: leader.value },
    ...{ candidate: candidate.value, scheduledAt: scheduledAt.value },
  }
  return answers.force ? done(asked) : confirm(asked, survey)
}

async function askLeader(
  cluster: string,
  { leader, modes }: Survey,
  answers: HandoverAnswers,
): Promise<Result<MemberName>> {
  if (leader === null) return failed({ kind: 'no-leader', cluster, why: '' })
  const role = modes.standbyCluster ? 'Standby Leader' : 'Primary'
  const named = await answer(answers.leader, answers.force, role, leader)
  if (!named.ok || named.value === leader) return named
  return failed({ kind: 'not-the-leader', cluster, member: named.value, leader })
}

async function askCandidate(
  action: HandoverAction,
  cluster: string,
  { eligible, leader }: Survey,
  answers: HandoverAnswers,
): Promise<Result<MemberName | null>> {
  const names = eligible.toSorted((a, b) => (a < b ? -1 : 1))
  if (names.length === 0) return refuse(`No candidates found to ${action} to`)
  const list = `['${names.join("', '")}']`
  const named = await answer(answers.candidate, answers.force, `Candidate ${list}`, '')
  if (!named.ok) return failed(named.failure)
  if (named.value === '' && action === 'failover')
    return refuse('Failover could be performed only to a specific candidate')
  if (named.value === '') return done(null)
  if (names.includes(named.value)) return done(named.value)
  if (named.value === leader) return refuse(`Member ${leader} is already the leader of cluster ${cluster}`)
  return refuse(`Member ${named.value} does not exist in cluster ${cluster} or is tagged as nofailover`)
}

async function acceptAsynchronous(
  action: HandoverAction,
  candidate: MemberName | null,
  { modes, view }: Survey,
  answers: HandoverAnswers,
): Promise<Result<null>> {
  const sync = view.sync?.value
  if (action !== 'failover' || answers.force || modes.synchronousMode === 'off' || candidate === null)
    return done(null)
  if (sync?.leader == null || sync.leader === '') return done(null)
  const matching = [sync.leader, ...sync.standbys].some(
    name => name.toLowerCase() === candidate.toLowerCase(),
  )
  if (matching) return done(null)
  const sure = await askYesNo(`Are you sure you want to failover to the asynchronous node ${candidate}?`)
  if (!sure.ok) return failed(sure.failure)
  return sure.value ? done(null) : refuse(`Aborting ${action}`)
}

async function askTime(
  { modes }: Survey,
  answers: HandoverAnswers,
  nowMs: WallMillis,
): Promise<Result<CommandRequest['scheduledAt']>> {
  const nextHour = isoWithZone(nowMs + 3_600_000).slice(0, 16)
  const question = `When should the switchover take place (e.g. ${nextHour} ) `
  const when = await answer(answers.scheduled, answers.force, question, 'now')
  if (!when.ok) return failed(when.failure)
  const parsed = await parseSchedule(when.value, nowMs)
  if (!parsed.ok) return refuse(parsed.why.replace(/^./, first => first.toUpperCase()))
  if (parsed.schedule !== null && modes.paused) return refuse("Can't schedule switchover in the paused state")
  if (parsed.said !== null) toStderr(line`${parsed.said}\n`)
  return done(parsed.schedule)
}

async function confirm(asked: Asked, { leader }: Survey): Promise<Result<Asked>> {
  const { action, cluster, scheduledAt } = asked
  const demoting = leader === null ? '' : `, demoting current leader ${leader}`
  const what =
    scheduledAt === null
      ? `${action} cluster ${cluster}`
      : `schedule switchover of cluster ${cluster} at ${scheduledAt.text}`
  const sure = await askYesNo(`Are you sure you want to ${what}${demoting}?`)
  if (!sure.ok) return failed(sure.failure)
  return sure.value ? done(asked) : refuse(`Aborting ${scheduledAt === null ? '' : 'scheduled '}${action}`)
}

/** With `--force`, missing options take their defaults. */
async function answer(
  given: string | undefined,
  force: boolean,
  question: string,
  suggestion: string,
): Promise<Result<string>> {
  if (given !== undefined) return done(given)
  return force ? done(suggestion) : askText(question, suggestion)
}

function refuse<T>(message: string): Result<T> {
  return failed({ kind: 'patronictl', message })
}

/** The lines that scripts look for. */
function answerText(action: HandoverAction, answer: HandoverAnswer, nowMs: WallMillis): string {
  const at = localTime(nowMs, 'five digits')
  if (answer.kind === 'through etcd')
    return `${at} Could not ${action} using Patroni api, falling back to DCS\n`
  if (answer.status === 200 || answer.status === 202) return `${at} ${answer.body}\n`
  const name = action === 'switchover' ? 'Switchover' : 'Failover'
  return `${name} failed, details: ${answer.status}, ${answer.body}\n`
}
