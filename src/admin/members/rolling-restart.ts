// Carries out a rolling restart: one member at a time, each in service again before the next, with a new look at the
// cluster before each step. The leader comes last and hands over first, so that nobody waits for its restart.

import type { Member } from '../../model/cluster/cluster.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { carryOutHandover } from '../handover/handover.ts'
import type { CommandRequest } from '../handover/handover-request.ts'
import { planHandover } from '../handover/plan.ts'
import { surveyOf } from '../handover/survey.ts'
import { deadlineIn, type Operator } from '../use-case.ts'
import { endangeredCopies, refusalFor } from './endangered-copies.ts'
import type { OperationRow } from './member-operation.ts'
import { lookAt } from './member-status.ts'
import { type Following, type RestartOptions, restartMember } from './restart.ts'
import { isDue, lookAtAll, type RollingOptions, type RollingPlan, whyUnwell } from './rolling-plan.ts'

const LOOK_MS: Millis = 10_000
const HANDOVER_MS: Millis = 120_000
/** A standby that has only just come back may need a moment to be seen by all. */
const SETTLE_MS: Millis = 20_000
const REPLAY_MS: Millis = 60_000
const LOOK_EVERY_MS: Millis = 500

interface Run {
  readonly operator: Operator
  readonly cluster: string
  readonly options: RollingOptions
  readonly following: Following
}

/** Rows in the order of the work; after a failure, the rest are left. `onRow` is called with each row. */
export async function rollThrough(
  run: Run,
  plan: RollingPlan,
  onRow: (row: OperationRow) => void,
): Promise<readonly OperationRow[]> {
  const rows: OperationRow[] = []
  let broken: string | null = null
  const step = async (member: Member, work: () => Promise<OperationRow>): Promise<void> => {
    if (run.following.interrupted.aborted) broken ??= 'interrupted'
    if (broken === null) {
      const unwell = await untilWell(run)
      if (unwell !== null) broken = `the cluster is not healthy: ${unwell}`
    }
    const came: OperationRow =
      broken === null ? await work() : { member: member.name, outcome: 'left', why: broken }
    const isStopped = came.outcome !== 'done' && run.following.interrupted.aborted
    const row = isStopped ? ({ ...came, interrupted: true } as const) : came
    if (row.outcome !== 'done') broken ??= isStopped ? 'interrupted' : `${row.member} did not come back`
    onRow(row)
    rows.push(row)
  }
  for (const member of plan.before) await step(member, () => restartOne(run, member))
  const { leader, lowered } = plan
  if (leader !== null)
    await step(leader, () => (lowered.length > 0 ? restartOne(run, leader) : handOverAndRestart(run, leader)))
  for (const member of plan.after) await step(member, () => restartAfterLeader(run, leader, member))
  return settled(rows)
}

/** A standby that was restarted twice has one row: the last. */
function settled(rows: readonly OperationRow[]): readonly OperationRow[] {
  return rows.filter((row, at) => !rows.slice(at + 1).some(({ member }) => member === row.member))
}

/** null: the cluster is well. */
async function untilWell({ operator, cluster, following }: Run): Promise<string | null> {
  const deadline = deadlineIn(operator.clock, SETTLE_MS)
  for (;;) {
    const sight = await lookAtAll(operator, cluster, deadlineIn(operator.clock, LOOK_MS))
    const unwell = sight.ok ? whyUnwell(sight.value) : 'etcd cannot be read'
    if (unwell === null || deadline.leftMs() <= 0 || following.interrupted.aborted) return unwell
    following.say(cluster, `waiting: ${unwell}`)
    await operator.clock.sleep(LOOK_EVERY_MS, following.interrupted)
  }
}

function restartOne({ operator, options, following }: Run, member: Member): Promise<OperationRow> {
  return restartMember(operator, member, plainRestart(options), following)
}

function plainRestart({ timeoutMs }: RollingOptions): RestartOptions {
  return { pending: false, olderThan: null, schedule: null, timeoutMs, wait: 'in-service', replace: false }
}

/** A standby can adopt the lower values once it has replayed that its primary has them. */
async function restartAfterLeader(run: Run, leader: Member | null, member: Member): Promise<OperationRow> {
  const behind = leader === null ? null : await untilReplayed(run, leader, member)
  if (behind !== null) return { member: member.name, outcome: 'timed-out', why: behind }
  return restartOne(run, member)
}

async function untilReplayed(
  { operator, following }: Run,
  leader: Member,
  member: Member,
): Promise<string | null> {
  const target = await lookAt(operator, leader)
  if (!target.known) return `the leader ${leader.name} does not answer (${target.why})`
  const deadline = deadlineIn(operator.clock, REPLAY_MS)
  for (;;) {
    const look = await lookAt(operator, member)
    const [at, wanted] = [look.known ? look.value.replayed : null, target.value.replayed]
    if (wanted === null || (at !== null && at >= wanted)) return null
    const why = `it has not replayed what the leader wrote before: at ${at ?? 'an unknown position'} of ${wanted}`
    if (deadline.leftMs() <= 0 || following.interrupted.aborted) return why
    following.say(member.name, 'replays what the leader wrote')
    await operator.clock.sleep(LOOK_EVERY_MS, following.interrupted)
  }
}

/** The handover stops and starts the former leader, which is restarted afterwards only if that is still due. */
async function handOverAndRestart(run: Run, leader: Member): Promise<OperationRow> {
  const { operator, options, following } = run
  const row = (outcome: OperationRow['outcome'], why: string): OperationRow => ({
    member: leader.name,
    outcome,
    why,
  })
  following.say(leader.name, 'hands over')
  const handed = await handOver(run, leader.name)
  if ('why' in handed) return row(handed.outcome, handed.why)
  const look = await lookAt(operator, leader)
  if (look.known && !isDue(look.value, options))
    return row(
      'done',
      `handed over to ${handed.to}, and was restarted by that; ${look.value.replicationState ?? look.value.state}`,
    )
  const restarted = await restartMember(operator, leader, plainRestart(options), following)
  const why = `handed over to ${handed.to}${restarted.why === null ? '' : `; ${restarted.why}`}`
  return { ...restarted, why }
}

type HandedOver =
  | { readonly to: MemberName }
  | { readonly outcome: 'timed-out' | 'refused' | 'left'; readonly why: string }

async function handOver({ operator, cluster, following }: Run, leader: MemberName): Promise<HandedOver> {
  const sight = await lookAtAll(operator, cluster, deadlineIn(operator.clock, LOOK_MS))
  if (!sight.ok) return { outcome: 'refused', why: 'etcd cannot be read' }
  const options: CommandRequest = {
    action: 'switchover',
    ...{ cluster, leader, candidate: null, scheduledAt: null, acceptDataLoss: false, replace: false },
  }
  const survey = surveyOf(sight.value.view)
  const deadline = deadlineIn(operator.clock, HANDOVER_MS)
  const judged = await planHandover(operator, options, survey, deadline)
  if (judged.failure !== null || judged.winner === null)
    return { outcome: 'refused', why: `nobody can take over: ${verdictsOf(judged.verdicts)}` }
  const copies = refusalFor('switchover', await endangeredCopies(operator, judged))
  if (copies !== null) return { outcome: 'refused', why: copies.reason }
  // Names the candidate, so that it is a standby that was judged good and was restarted before.
  const named = { ...options, candidate: judged.winner }
  const plan = await planHandover(operator, named, survey, deadline)
  const result = await carryOutHandover(operator, named, plan, {
    ...{ wait: true, deadline, interrupted: following.interrupted },
  })
  if (result.ok) return { to: judged.winner }
  const { failure } = result
  if (failure.kind === 'interrupted' && failure.request?.kind === 'withdrawn')
    return { outcome: 'left', why: 'interrupted before the switchover was begun' }
  const to = result.value?.newLeader ?? null
  const what = to === null ? 'the switchover failed' : `${to} leads, but the switchover is not done`
  return { outcome: 'timed-out', why: `${what} (${failure.kind}); see hactl list ${cluster}` }
}

function verdictsOf(verdicts: readonly { readonly name: MemberName; readonly reason: string }[]): string {
  return verdicts.map(({ name, reason }) => `${name}: ${reason}`).join('; ') || 'it has no candidate'
}
