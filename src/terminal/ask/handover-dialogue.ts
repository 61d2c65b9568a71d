// A switchover or failover with a person: look, ask, judge, confirm, carry out, and say what the cluster became.

import { surveyAfter } from '../../admin/handover/afterwards.ts'
import {
  carryOutHandover,
  describeAlready,
  describePlan,
  describeRefusal,
  type HandoverReport,
} from '../../admin/handover/handover.ts'
import type { CommandRequest } from '../../admin/handover/handover-request.ts'
import { type HandoverPlan, planHandover } from '../../admin/handover/plan.ts'
import { surveyCluster } from '../../admin/handover/survey.ts'
import { copiesInTheWay, endangeredCopies } from '../../admin/members/endangered-copies.ts'
import { deadlineIn, type Operator } from '../../admin/use-case.ts'
import type { HandoverAction } from '../../model/cluster/request.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import { printableData } from '../../model/command/printable.ts'
import { type GlobalFlags, READ_TIMEOUT_MS, WAIT_TIMEOUT_MS } from '../command.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { line, toStderr, toStdout } from '../print.ts'
import { clusterTable } from '../table/cluster-table.ts'
import { dryRunText, outcomeText } from '../text/handover-text.ts'
import { completeRequest, confirmHandover, type HandoverAnswers } from './handover-questions.ts'
import { interruptible } from './interruptible.ts'
import { askYesNo, canAsk } from './questions.ts'

export interface HandoverFlags extends GlobalFlags, HandoverAnswers {
  readonly 'dry-run': boolean
  readonly wait: boolean
  readonly 'accept-data-loss': boolean
  readonly 'accept-broken-copy': boolean
  readonly replace: boolean
}

/** How it ended, and what is printed of it. */
interface Ended {
  readonly result: Result<HandoverReport>
  readonly text: (report: HandoverReport) => string
}

export async function handOver(
  operator: Operator,
  action: HandoverAction,
  cluster: string,
  flags: HandoverFlags,
): Promise<Ended> {
  // The minute is for the handover: an etcd that does not answer is reported as soon as by `hactl list`.
  const looking = deadlineIn(operator.clock, flags.timeout ?? READ_TIMEOUT_MS)
  const survey = await surveyCluster(operator, cluster, looking)
  if (!survey.ok) return ended(operator, failed(survey.failure))
  if (!flags.json) toStdout(`Current cluster topology\n${clusterTable(operator, cluster, survey.value.view)}`)
  const completed = await completeRequest(action, cluster, survey.value, flags, operator.clock.wallMs())
  if (!completed.ok) return ended(operator, failed(completed.failure))
  const accepting = { acceptDataLoss: flags['accept-data-loss'], replace: flags.replace }
  const asked = { ...completed.value, ...accepting }
  const deadline = deadlineIn(operator.clock, flags.timeout ?? WAIT_TIMEOUT_MS)
  const judged = await planHandover(operator, asked, survey.value, deadline)
  const plan = { ...judged, copies: await endangeredCopies(operator, judged) }
  return flags['dry-run'] ? endOfDryRun(asked, plan, flags) : confirmAndCarryOut(operator, asked, plan, flags)
}

function ended(operator: Operator, result: Result<HandoverReport>, table = ''): Ended {
  const now = operator.clock.wallMs()
  return { result, text: report => (result.ok ? outcomeText(report, now) + table : '') }
}

function endOfDryRun(asked: CommandRequest, plan: HandoverPlan, flags: HandoverFlags): Ended {
  const report = describePlan(asked, plan)
  const text = flags.json
    ? ''
    : dryRunText(printableData(report), process.stdout.isTTY ? process.stdout.columns : null)
  return { result: plan.failure === null ? done(report) : failed(plan.failure, report), text: () => text }
}

async function confirmAndCarryOut(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  flags: HandoverFlags,
): Promise<Ended> {
  if (plan.alreadySo && plan.failure === null) {
    const look = deadlineIn(operator.clock, READ_TIMEOUT_MS)
    return ended(operator, done(await describeAlready(operator, asked, plan, look)))
  }
  const refused = (failure: Failure): Ended => ended(operator, failed(failure, describeRefusal(asked, plan)))
  const accepted = await acceptLoss(asked, plan, flags)
  if (!accepted.ok) return refused(accepted.failure)
  const broken = flags['accept-broken-copy'] ? null : copiesInTheWay(asked, plan)
  if (broken !== null && flags.force) return refused(broken)
  if (broken !== null) toStderr(line`Note: ${broken.reason}\n`)
  const confirmed = await confirmHandover(asked, accepted.value.survey, flags)
  if (confirmed !== null) return refused(confirmed)
  // People take their time to answer, so the time limit begins here.
  const deadline = deadlineIn(operator.clock, flags.timeout ?? WAIT_TIMEOUT_MS)
  const result = await interruptible(interrupted =>
    carryOutHandover(operator, asked, accepted.value, {
      ...{ wait: flags.wait, deadline, interrupted },
      ...(flags.json ? {} : { progress: progressLine }),
    }),
  )
  const after = flags.json || !result.ok ? null : await surveyAfter(operator, result.value)
  const table = after?.ok === true ? clusterTable(operator, asked.cluster, after.value.view) : ''
  return ended(operator, result, table)
}

/** On a terminal the loss can be accepted by answering; otherwise the flag is needed. */
async function acceptLoss(
  asked: CommandRequest,
  plan: HandoverPlan,
  flags: HandoverFlags,
): Promise<Result<HandoverPlan>> {
  const { failure } = plan
  if (failure === null) return done(plan)
  if (failure.kind !== 'data-loss' || flags.force || !canAsk()) return failed(failure)
  const bytes =
    failure.lostBytes === null
      ? 'acknowledged writes may be lost'
      : `${failure.lostBytes} bytes of WAL would be lost`
  const answer = await askYesNo(`${bytes} (${failure.why}). Go on?`)
  if (!answer.ok) return failed(answer.failure)
  return answer.value ? done({ ...plan, failure: null }) : failed({ kind: 'declined', what: asked.action })
}

/** Only for somebody who watches: in a log the outcome is enough. */
function progressLine(text: string): void {
  if (process.stderr.isTTY === true && !isPatronictl()) toStderr(line`${text}\n`)
}
