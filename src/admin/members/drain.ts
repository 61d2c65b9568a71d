// `hactl drain` and `hactl undrain`. Drain notes in etcd that a member must neither lead nor be given to load
// balancers, waits until the member confirms it, and hands the leadership over if the member leads. The note outlives
// the agent and the member.

import { type DrainNote, drainOf } from '../../model/cluster/drained-member.ts'
import { runsHactl } from '../../model/cluster/request.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName } from '../../model/units.ts'
import type { WriteOutcome } from '../../ports/store.ts'
import { carryOutHandover } from '../handover/handover.ts'
import type { CommandRequest } from '../handover/handover-request.ts'
import { type HandoverPlan, planHandover } from '../handover/plan.ts'
import { type Survey, surveyCluster } from '../handover/survey.ts'
import { lostMember } from '../look/lost-members.ts'
import { type Deadline, memberNotFound, type Operator } from '../use-case.ts'
import { drainNoted, notedText, writeFailure } from './drain-note.ts'
import { type EndangeredCopy, endangeredCopies, refusalFor } from './endangered-copies.ts'

interface DrainOptions {
  readonly cluster: string
  readonly member: MemberName
  readonly reason: string | null
  readonly wait: boolean
  /** Drains even a leader that nobody can take over from. */
  readonly force: boolean
  /** Goes on even if the handover ends a copy that another member takes from the leader. */
  readonly acceptBrokenCopy: boolean
  readonly dryRun: boolean
  readonly interrupted?: AbortSignal
  /** The awaited state, for people. */
  readonly progress?: (text: string) => void
}

export interface DrainReport {
  readonly action: 'drain' | 'undrain'
  readonly cluster: string
  readonly member: MemberName
  /**
   * `planned`: a dry run; `requested`: the command did not wait. With an error: `not-begun` (nothing was noted) or
   * `unfinished`.
   */
  readonly outcome: 'done' | 'already' | 'planned' | 'requested' | 'not-begun' | 'unfinished'
  /** Who drained it, and when; null: it is not drained. */
  readonly drained: DrainNote | null
  /** Whether the member led when it was last looked at. */
  readonly leads: boolean
  /** Who took over from it, or would in a dry run; null: nobody. */
  readonly newLeader: MemberName | null
  /** Copies of the data that the handover ends, because their source steps down. */
  readonly endangeredCopies: readonly EndangeredCopy[]
}

export async function drainMember(
  operator: Operator,
  options: DrainOptions,
  deadline: Deadline,
): Promise<Result<DrainReport>> {
  const { cluster, member } = options
  const survey = await surveyCluster(operator, cluster, deadline)
  if (isInterrupted(options)) return failed({ kind: 'interrupted' })
  if (!survey.ok) return failed(survey.failure)
  const refusal = objection(options, survey.value)
  if (refusal !== null) return failed(refusal)
  const existing = drainOf(survey.value.view, member)
  const plan = await planIfLeading(operator, options, survey.value, deadline)
  const report: DrainReport = {
    action: 'drain',
    cluster,
    member,
    outcome: 'planned',
    drained: existing?.note ?? null,
    leads: plan !== null,
    newLeader: plan?.failure === null ? plan.winner : null,
    endangeredCopies: plan?.copies ?? [],
  }
  const notBegun = { ...report, outcome: 'not-begun', newLeader: null } as const
  // A plan that was cut short is no reason to refuse.
  if (isInterrupted(options)) return failed({ kind: 'interrupted' }, notBegun)
  if (plan !== null && plan.failure !== null && !options.force)
    return failed(nobodyTakesOver(options, plan, plan.failure), notBegun)
  if (options.dryRun) return done(report)
  const broken = plan === null ? null : copiesSpared(options, plan)
  if (broken !== null) return failed(broken, notBegun)
  const note = existing?.note ?? {
    by: operator.person,
    at: new Date(operator.clock.wallMs()).toISOString(),
    reason: options.reason,
  }
  if (existing === null) {
    const outcome = await operator.store.writeDrain(cluster, member, note, null, deadline.leftMs())
    if (outcome.kind !== 'done')
      return failed(
        writeFailure(outcome, cluster, member),
        mayBeNoted(outcome) ? { ...notBegun, outcome: 'unfinished' } : notBegun,
      )
  }
  const noted = {
    ...report,
    drained: note,
    newLeader: null,
    outcome: existing === null ? 'done' : 'already',
  } as const
  if (options.wait) {
    options.progress?.(`noted; waiting until ${member} has taken it over`)
    const before = existing === null ? survey.value.view : null
    const ignorant = await drainNoted(operator, { ...options, drained: true, before }, deadline)
    if (ignorant !== null) return failed(ignorant, { ...noted, outcome: 'unfinished' })
  }
  return leadAway(operator, options, noted, deadline)
}

/** Looks at the cluster again, because the member may have lost or got the lead meanwhile. */
async function leadAway(
  operator: Operator,
  options: DrainOptions,
  noted: DrainReport,
  deadline: Deadline,
): Promise<Result<DrainReport>> {
  const { cluster, member, wait, interrupted, progress } = options
  const survey = await surveyCluster(operator, cluster, deadline)
  const unseen = (): Result<DrainReport> => {
    const what = `${notedText(member, true)} all the same; whether it leads was not looked at any more`
    const request = { kind: 'stored', what } as const
    return failed({ kind: 'interrupted', action: 'drain', request }, { ...noted, outcome: 'unfinished' })
  }
  if (isInterrupted(options)) return unseen()
  if (!survey.ok) return failed(survey.failure, { ...noted, outcome: 'unfinished' })
  const plan = await planIfLeading(operator, options, survey.value, deadline)
  if (isInterrupted(options)) return unseen()
  const ended = wait ? noted : ({ ...noted, outcome: 'requested' } as const)
  if (plan === null) return done({ ...ended, leads: false })
  const stillLeads = (cause: Failure): Result<DrainReport> =>
    failed({ kind: 'drained-but-leads', cluster, member, cause }, { ...noted, outcome: 'unfinished' })
  if (plan.failure !== null) return options.force ? done({ ...ended, leads: true }) : stillLeads(plan.failure)
  const broken = copiesSpared(options, plan)
  if (broken !== null) return stillLeads(broken)
  const handling = {
    ...{ wait, deadline },
    ...(interrupted !== undefined && { interrupted }),
    ...(progress !== undefined && { progress }),
  }
  const handed = await carryOutHandover(operator, handoverOf(options), plan, handling)
  if (handed.ok)
    return done({
      ...ended,
      outcome: wait ? 'done' : 'requested',
      leads: !wait,
      newLeader: handed.value.newLeader,
    })
  const newLeader = handed.value?.newLeader ?? null
  if (newLeader === null || newLeader === member) return stillLeads(handed.failure)
  return failed(handed.failure, { ...noted, outcome: 'unfinished', leads: false, newLeader })
}

function objection({ cluster, member }: DrainOptions, { view }: Survey): Failure | null {
  const found = view.members.find(({ name }) => name === member)
  // A lost member may come back, and must not lead then.
  if (found === undefined)
    return lostMember(view, member) === null ? memberNotFound(cluster, member, view.members) : null
  if (runsHactl(found)) return null
  return {
    kind: 'refused',
    action: 'drain',
    reason: `${member} runs Patroni ${found.record.version ?? ''}, which reads its tags from its configuration only`,
    hint: 'set the tags nofailover and noloadbalance in its file and reload it.',
  }
}

function handoverOf({ cluster, member }: DrainOptions): CommandRequest {
  return {
    action: 'switchover',
    cluster,
    leader: member,
    candidate: null,
    scheduledAt: null,
    acceptDataLoss: false,
    replace: false,
  }
}

/** null: it does not lead. */
async function planIfLeading(
  operator: Operator,
  options: DrainOptions,
  survey: Survey,
  deadline: Deadline,
): Promise<HandoverPlan | null> {
  if (survey.leader !== options.member) return null
  const plan = await planHandover(operator, handoverOf(options), survey, deadline)
  return plan.failure === null ? { ...plan, copies: await endangeredCopies(operator, plan) } : plan
}

/** null: no copy would end, or the operator accepts it. */
function copiesSpared({ acceptBrokenCopy }: DrainOptions, { copies = [] }: HandoverPlan): Failure | null {
  return acceptBrokenCopy ? null : refusalFor('drain', copies)
}

function nobodyTakesOver({ member }: DrainOptions, plan: HandoverPlan, failure: Failure): Failure {
  const why =
    failure.kind === 'no-good-candidate'
      ? plan.verdicts.map(({ name, reason }) => `${name}: ${reason}`).join('; ') || 'it has no other member'
      : failure.kind === 'refused'
        ? failure.reason
        : null
  if (why === null) return failure
  const reason = `${member} leads, and nobody can take over (${why})`
  return {
    kind: 'refused',
    action: 'drain',
    reason,
    hint: '--force drains it all the same; it goes on leading.',
  }
}

/** Also removes the note of a member that is gone for good. */
export async function undrainMember(
  operator: Operator,
  options: Pick<DrainOptions, 'cluster' | 'member' | 'wait' | 'dryRun' | 'interrupted'>,
  deadline: Deadline,
): Promise<Result<DrainReport>> {
  const { cluster, member, wait, dryRun } = options
  const survey = await surveyCluster(operator, cluster, deadline)
  if (isInterrupted(options)) return failed({ kind: 'interrupted' })
  if (!survey.ok) return failed(survey.failure)
  const { view, leader } = survey.value
  const existing = drainOf(view, member)
  const isMember = view.members.some(({ name }) => name === member)
  if (existing === null && !isMember && lostMember(view, member) === null)
    return failed(memberNotFound(cluster, member, view.members))
  const report: DrainReport = {
    action: 'undrain',
    cluster,
    member,
    outcome: existing === null ? 'already' : 'planned',
    drained: existing?.note ?? null,
    leads: leader === member,
    newLeader: null,
    endangeredCopies: [],
  }
  if (dryRun || (existing === null && !wait)) return done(report)
  if (existing !== null) {
    const { modRevision } = existing
    const outcome = await operator.store.writeDrain(cluster, member, null, modRevision, deadline.leftMs())
    if (outcome.kind !== 'done')
      return failed(writeFailure(outcome, cluster, member), {
        ...report,
        outcome: mayBeNoted(outcome) ? 'unfinished' : 'not-begun',
      })
  }
  const gone = { ...report, drained: null, outcome: existing === null ? 'already' : 'done' } as const
  if (!isMember) return done(gone)
  if (!wait) return done({ ...gone, outcome: 'requested' })
  const before = existing === null ? null : view
  const ignorant = await drainNoted(operator, { ...options, drained: false, before }, deadline)
  return ignorant === null ? done(gone) : failed(ignorant, { ...gone, outcome: 'unfinished' })
}

function mayBeNoted(outcome: WriteOutcome): boolean {
  return outcome.kind === 'unreachable' && outcome.mayBeWritten === true
}

function isInterrupted({ interrupted }: Pick<DrainOptions, 'interrupted'>): boolean {
  return interrupted?.aborted === true
}
