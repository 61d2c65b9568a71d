// `hactl switchover`, and the flow that it shares with `hactl failover`: look, ask, judge, confirm, carry out, say what
// the cluster became.

import { Flags } from '@oclif/core'
import { connect } from '../src/admin/connect.ts'
import { surveyAfter } from '../src/admin/handover/afterwards.ts'
import { handOverByAnswer } from '../src/admin/handover/by-answer.ts'
import {
  carryOutHandover,
  describeAlready,
  describePlan,
  describeRefusal,
  type HandoverReport,
} from '../src/admin/handover/handover.ts'
import {
  type HandoverAction,
  type HandoverPlan,
  type HandoverWish,
  planHandover,
  type Survey,
  surveyCluster,
  surveyOf,
} from '../src/admin/handover/plan.ts'
import { reportCluster } from '../src/admin/look/cluster-report.ts'
import { copiesInTheWay, endangeredCopies } from '../src/admin/members/endangered-copies.ts'
import {
  chooseCluster,
  type Deadline,
  deadlineIn,
  type Operator,
  readWhatIsThere,
} from '../src/admin/operator.ts'
import { done, type Failure, failed, type Result } from '../src/model/command/failure.ts'
import type { Millis } from '../src/model/units.ts'
import {
  completeWish,
  confirmHandover,
  type HandoverAnswers,
} from '../src/terminal/ask/handover-questions.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { askYesNo, canAsk } from '../src/terminal/ask/questions.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import {
  type GlobalFlags,
  HactlCommand,
  memberFlag,
  READ_TIMEOUT_MS,
  WAIT_TIMEOUT_MS,
} from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { answerText, askAsPatronictl } from '../src/terminal/drop-in/drop-in-handover.ts'
import { clusterText } from '../src/terminal/table/member-table.ts'
import { dryRunText, outcomeText } from '../src/terminal/text/handover-text.ts'

export const HANDOVER_FLAGS = {
  candidate: memberFlag({ summary: 'Who is to take over.' }),
  force: Flags.boolean({ aliases: ['yes'], summary: 'Do not ask. It never overrides a refusal.' }),
  'dry-run': Flags.boolean({ summary: 'Say who would win and why not the others; change nothing.' }),
  wait: Flags.boolean({
    allowNo: true,
    default: true,
    summary: 'Wait until the new leader accepts writes and the former one streams from it.',
  }),
  'accept-data-loss': Flags.boolean({ summary: 'Go on although acknowledged writes may be lost.' }),
  'accept-broken-copy': Flags.boolean({
    summary: 'Go on although a member is copying its data from the one that steps down.',
  }),
  replace: Flags.boolean({ summary: 'Take the place of a request that is pending or scheduled.' }),
}

interface HandoverFlags extends GlobalFlags, HandoverAnswers {
  readonly 'dry-run': boolean
  readonly wait: boolean
  readonly 'accept-data-loss': boolean
  readonly 'accept-broken-copy': boolean
  readonly replace: boolean
}

export abstract class HandoverCommand extends HactlCommand {
  protected async handOver(
    action: HandoverAction,
    named: string | undefined,
    flags: HandoverFlags,
  ): Promise<void> {
    const connected = await connect(flags)
    if (!connected.ok) return this.fail(flags.json, connected.failure)
    const operator = connected.value
    const cluster = chooseCluster(operator, named)
    if (!cluster.ok) return this.fail(flags.json, cluster.failure)
    if (isPatronictl() && !flags.json && !flags['dry-run'])
      return this.#asPatronictl(operator, action, cluster.value, flags)
    const budgetMs = flags.timeout ?? WAIT_TIMEOUT_MS
    // The minute is for the handover: an etcd that does not answer is reported as soon as by `hactl list`.
    const looking = deadlineIn(operator.clock, flags.timeout ?? READ_TIMEOUT_MS)
    const survey = await surveyCluster(operator, cluster.value, looking)
    if (!survey.ok) return this.fail(flags.json, survey.failure)
    if (!flags.json)
      process.stdout.write(`Current cluster topology\n${this.#table(operator, cluster.value, survey.value)}`)
    const wish = await completeWish(action, cluster.value, survey.value, flags, operator.clock.wallMs())
    if (!wish.ok) return this.fail(flags.json, wish.failure)
    const accepting = {
      ...wish.value,
      acceptDataLoss: flags['accept-data-loss'],
      replace: flags.replace,
    }
    const deadline = deadlineIn(operator.clock, budgetMs)
    const judged = await planHandover(operator, accepting, survey.value, deadline)
    const plan = { ...judged, copies: await endangeredCopies(operator, judged) }
    if (flags['dry-run']) return this.#concludePlan(flags, accepting, plan)
    await this.#confirmAndCarryOut(operator, accepting, plan, flags, budgetMs)
    // A member that never answered may still hold a connection open, but nothing waits for it any more.
    this.exit(Number(process.exitCode ?? 0))
  }

  /** Asks, waits and reports as patronictl does; even a refusal by the member ends with 0. */
  async #asPatronictl(
    operator: Operator,
    action: HandoverAction,
    cluster: string,
    flags: HandoverFlags,
  ): Promise<void> {
    const read = await readWhatIsThere(operator, cluster, deadlineIn(operator.clock, READ_TIMEOUT_MS))
    if (!read.ok) return this.fail(flags.json, read.failure)
    const survey = surveyOf(read.value)
    process.stdout.write(`Current cluster topology\n${this.#table(operator, cluster, survey)}`)
    const asked = await askAsPatronictl(action, cluster, survey, flags, operator.clock.wallMs())
    if (!asked.ok) return this.fail(flags.json, asked.failure)
    const wish = { ...asked.value, acceptDataLoss: true, replace: false }
    const deadline = deadlineIn(operator.clock, flags.timeout ?? WAIT_TIMEOUT_MS)
    const result = await interruptible(interrupted =>
      handOverByAnswer(operator, wish, survey, deadline, interrupted),
    )
    const isDone = result.ok && result.value.kind === 'answered' && result.value.status < 300
    const after = isDone
      ? await readWhatIsThere(operator, cluster, deadlineIn(operator.clock, READ_TIMEOUT_MS))
      : null
    const isTold = result.ok && (isDone || result.value.kind === 'through etcd')
    const table = isTold
      ? this.#table(operator, cluster, after?.ok === true ? surveyOf(after.value) : survey)
      : ''
    this.conclude(flags.json, result, answer => answerText(action, answer, operator.clock.wallMs()) + table)
    this.exit(Number(process.exitCode ?? 0))
  }

  async #concludePlan(flags: HandoverFlags, wish: HandoverWish, plan: HandoverPlan): Promise<void> {
    const report = describePlan(wish, plan)
    const text = flags.json ? '' : dryRunText(report, process.stdout.isTTY ? process.stdout.columns : null)
    const result = plan.failure === null ? done(report) : failed(plan.failure, report)
    this.conclude(flags.json, result, () => text)
  }

  async #confirmAndCarryOut(
    operator: Operator,
    wish: HandoverWish,
    plan: HandoverPlan,
    flags: HandoverFlags,
    budgetMs: Millis,
  ): Promise<void> {
    if (plan.alreadySo && plan.failure === null) {
      const look = deadlineIn(operator.clock, READ_TIMEOUT_MS)
      return this.#concludeOutcome(operator, flags, done(await describeAlready(operator, wish, plan, look)))
    }
    const refused = (failure: Failure): void =>
      this.#concludeOutcome(operator, flags, failed(failure, describeRefusal(wish, plan)))
    const accepted = await this.#acceptLoss(wish, plan, flags)
    if (!accepted.ok) return refused(accepted.failure)
    const broken = flags['accept-broken-copy'] ? null : copiesInTheWay(wish, plan)
    if (broken !== null && flags.force) return refused(broken)
    if (broken !== null) process.stderr.write(`Note: ${broken.reason}\n`)
    const confirmed = await confirmHandover(wish, accepted.value.survey, flags)
    if (confirmed !== null) return refused(confirmed)
    // People take their time to answer, so the time limit begins here.
    const deadline: Deadline = deadlineIn(operator.clock, budgetMs)
    const result = await interruptible(interrupted =>
      carryOutHandover(operator, wish, accepted.value, {
        ...{ wait: flags.wait, deadline, interrupted },
        ...(flags.json ? {} : { progress: progressLine }),
      }),
    )
    const after = flags.json || !result.ok ? null : await surveyAfter(operator, result.value)
    const table = after?.ok === true ? this.#table(operator, wish.cluster, after.value) : ''
    this.#concludeOutcome(operator, flags, result, table)
  }

  /** On a terminal the loss can be accepted by answering; otherwise the flag is needed. */
  async #acceptLoss(
    wish: HandoverWish,
    plan: HandoverPlan,
    flags: HandoverFlags,
  ): Promise<Result<HandoverPlan>> {
    const failure: Failure | null = plan.failure
    if (failure === null) return done(plan)
    if (failure.kind !== 'data-loss' || flags.force || !canAsk()) return failed(failure)
    const bytes =
      failure.lostBytes === null
        ? 'acknowledged writes may be lost'
        : `${failure.lostBytes} bytes of WAL would be lost`
    const answer = await askYesNo(`${bytes} (${failure.why}). Go on?`)
    if (!answer.ok) return failed(answer.failure)
    return answer.value ? done({ ...plan, failure: null }) : failed({ kind: 'declined', what: wish.action })
  }

  #concludeOutcome(
    operator: Operator,
    flags: HandoverFlags,
    result: Result<HandoverReport>,
    table = '',
  ): void {
    const now = operator.clock.wallMs()
    this.conclude(flags.json, result, report => (result.ok ? outcomeText(report, now) + table : ''))
  }

  #table(operator: Operator, cluster: string, survey: Survey): string {
    return clusterText(reportCluster(cluster, operator.namespace, survey.view), 'pretty', false)
  }
}

/** Only for somebody who watches: in a log the outcome is enough. */
function progressLine(text: string): void {
  if (process.stderr.isTTY === true && !isPatronictl()) process.stderr.write(`${text}\n`)
}

export default class Switchover extends HandoverCommand {
  static override summary = 'Hand the leadership over to another member, in an orderly way.'
  static override description =
    'The leader checkpoints, stops, and lets the candidate have everything before it takes over: nothing ' +
    'is lost. Waits until the new leader accepts writes and the former one streams from it; the exit code ' +
    'says what the cluster became. If the candidate leads already, there is nothing to do and the exit ' +
    'code is 0.'
  static override examples = [
    {
      description: 'Ask for everything:',
      command: '<%= config.bin %> switchover --config-file /etc/patroni/patroni.yml',
    },
    {
      description: 'Who would win, and why not the others:',
      command: '<%= config.bin %> switchover batman --dry-run',
    },
    {
      description: 'In a script:',
      command: '<%= config.bin %> switchover batman --candidate pg2 --force --timeout 120 --json',
    },
    {
      description: 'Tonight:',
      command: "<%= config.bin %> switchover batman --scheduled '2030-01-01T03:00+01:00' --force",
    },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    leader: memberFlag({
      aliases: ['primary'],
      summary: 'Only if this member leads.',
    }),
    scheduled: Flags.string({
      helpValue: 'TIME',
      summary: 'Not now but at this time (2030-01-01T03:00, tomorrow 3am; local without a zone).',
    }),
    ...HANDOVER_FLAGS,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Switchover)
    return this.handOver('switchover', args.cluster, flags)
  }
}
