// `hactl switchover` and `hactl failover`: carries out the plan and reports what became of the cluster.

import type { HandoverAction } from '../../model/cluster/request.ts'
import { describeRequest } from '../../model/cluster/request.ts'
import type { CandidateVerdict } from '../../model/cluster/verdict.ts'
import { done, type Failure, failed, type GivenUp, type Result } from '../../model/command/failure.ts'
import type { Position } from '../../model/command/report.ts'
import { type Bytes, formatLsn, type Lsn, type MemberName, type Millis } from '../../model/units.ts'
import { withLoginNotice } from '../look/login-notice.ts'
import type { EndangeredCopy } from '../members/endangered-copies.ts'
import type { Deadline, Operator } from '../use-case.ts'
import {
  acceptsWrites,
  type Followed,
  type FormerLeader,
  followHandover,
  type HandoverTiming,
  leaderMember,
} from './follow.ts'
import type { CommandRequest } from './handover-request.ts'
import { noteFor, requestOf, withdraw } from './handover-request.ts'
import type { HandoverPlan } from './plan.ts'
import { submitHandover } from './submit.ts'

export interface HandoverReport {
  readonly action: HandoverAction
  readonly cluster: string
  /**
   * `planned`: a dry run; `requested`: the command did not wait. With an error: `not-begun` (nothing was asked of
   * anybody) or `unfinished`.
   */
  readonly outcome: 'done' | 'already' | 'scheduled' | 'planned' | 'requested' | 'not-begun' | 'unfinished'
  readonly oldLeader: MemberName | null
  readonly candidate: MemberName | null
  /** In a dry run the member that would win, otherwise the one that did. */
  readonly newLeader: MemberName | null
  /** null: the new leader was not asked, or did not answer. */
  readonly newLeaderWritable: boolean | null
  readonly formerLeader: FormerLeader | null
  readonly scheduledAt: string | null
  readonly requestedThrough: string | null
  /** The pending request that this one replaces (`--replace`). */
  readonly replaces: string | null
  readonly timing: HandoverTiming
  readonly leaderPosition: Position | null
  /** WAL given up; null: not known. */
  readonly lostBytes: Bytes | null
  readonly candidates: readonly CandidateReport[]
  /** Copies of the data that the handover ends, because their source steps down. */
  readonly endangeredCopies: readonly EndangeredCopy[]
}

export interface CandidateReport extends Omit<CandidateVerdict, 'position'> {
  readonly position: Position | null
}

const LEADER_ANSWER_MS: Millis = 2000
const NO_TIMING = { leaderMs: null, writableMs: null, streamingMs: null } as const

interface CarryOutOptions {
  /** false: return as soon as the request is accepted. */
  readonly wait: boolean
  readonly deadline: Deadline
  /** Aborts when the operator does not want to wait any longer. */
  readonly interrupted?: AbortSignal
  /** Called with what the command now waits for. */
  readonly progress?: (text: string) => void
}

export function describePlan(asked: CommandRequest, plan: HandoverPlan): HandoverReport {
  return {
    action: asked.action,
    cluster: asked.cluster,
    outcome: plan.alreadySo && plan.failure === null ? 'already' : 'planned',
    oldLeader: plan.survey.leader,
    candidate: asked.candidate,
    newLeader: plan.failure === null || plan.failure.kind === 'data-loss' ? plan.winner : null,
    newLeaderWritable: null,
    formerLeader: null,
    scheduledAt: asked.scheduledAt?.text ?? null,
    requestedThrough: null,
    replaces: replacedBy(asked, plan),
    timing: NO_TIMING,
    leaderPosition: positionOf(plan.leaderPosition),
    lostBytes: plan.lostBytes,
    candidates: plan.verdicts.map(verdict => ({
      ...withLoginNotice(verdict, plan.survey.view.members),
      position: positionOf(verdict.position),
    })),
    endangeredCopies: plan.copies ?? [],
  }
}

/** Not begun, for the reason in the error beside it. */
export function describeRefusal(asked: CommandRequest, plan: HandoverPlan): HandoverReport {
  return { ...describePlan(asked, plan), outcome: 'not-begun', newLeader: null }
}

/** For a candidate that leads already: also asks whether it accepts writes. */
export async function describeAlready(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  deadline: Deadline,
): Promise<HandoverReport> {
  const { modes, view } = plan.survey
  const leader = leaderMember(view)
  const timeoutMs = Math.min(LEADER_ANSWER_MS, deadline.leftMs())
  const writable = leader === null ? null : await acceptsWrites(operator, leader, modes, timeoutMs)
  return { ...describePlan(asked, plan), newLeaderWritable: writable }
}

function replacedBy(asked: CommandRequest, { survey }: HandoverPlan): string | null {
  const { failover, unreadable = [] } = survey.view
  if (!asked.replace) return null
  return failover === null ? (unreadable[0]?.why ?? null) : describeRequest(failover.value)
}

function positionOf(bytes: Lsn | null): Position | null {
  return bytes === null ? null : { lsn: formatLsn(bytes), bytes }
}

/** `plan.failure` must be null: a plan that was refused is not carried out. */
export async function carryOutHandover(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  options: CarryOutOptions,
): Promise<Result<HandoverReport>> {
  if (plan.failure !== null) return failed(plan.failure, describeRefusal(asked, plan))
  const { interrupted } = options
  // After an interruption there is no more waiting.
  const deadline: Deadline = {
    budgetMs: options.deadline.budgetMs,
    leftMs: () => (interrupted?.aborted === true ? 0 : options.deadline.leftMs()),
  }
  const planned = { ...describePlan(asked, plan), newLeader: null }
  const cleared = await takeOther(operator, asked, plan, deadline)
  if (!cleared.ok) return failed(cleared.failure, { ...planned, outcome: 'unfinished' })
  const request = requestOf(asked, plan, noteFor(operator, asked, deadline))
  const submitted = await submitHandover(operator, asked, cleared.value, request, deadline)
  const giveUp = () => withdraw(operator, asked.cluster, request)
  if (!submitted.ok) {
    const failure = interrupted?.aborted === true ? interruption(asked, await giveUp()) : submitted.failure
    return failed(failure, { ...planned, outcome: 'unfinished' })
  }
  const requested = { ...planned, requestedThrough: submitted.value.through }
  if (submitted.value.scheduled) return done({ ...requested, outcome: 'scheduled' })
  if (!options.wait) return done({ ...requested, outcome: 'requested' })
  const followed = await followHandover(operator, asked, plan, request, submitted.value, {
    deadline,
    progress: options.progress ?? (() => {}),
  })
  const report = {
    ...requested,
    newLeader: followed.newLeader,
    newLeaderWritable: followed.writable,
    formerLeader: followed.formerLeader,
    timing: followed.timing,
  }
  const short = shortcoming(asked, followed)
  if (short === null) return done({ ...report, outcome: 'done' })
  const failure = interrupted?.aborted
    ? interruption(asked, await giveUp())
    : short.kind === 'too-late'
      ? await lateness(asked, short.lastSeen, deadline.budgetMs, giveUp)
      : short
  return failed(failure, { ...report, outcome: 'unfinished' })
}

/** With `--replace`: removes another request, at the revision that was seen, before ours is made. */
async function takeOther(
  operator: Operator,
  asked: CommandRequest,
  plan: HandoverPlan,
  deadline: Deadline,
): Promise<Result<HandoverPlan>> {
  const { view } = plan.survey
  const revision = view.failover?.modRevision ?? view.unreadable?.[0]?.modRevision ?? null
  if (!asked.replace || revision === null) return done(plan)
  const outcome = await operator.store.writeFailover(asked.cluster, null, revision, deadline.leftMs())
  if (outcome.kind === 'done') {
    const without = { ...view, failover: null, unreadable: [] }
    return done({ ...plan, survey: { ...plan.survey, view: without } })
  }
  if (outcome.kind === 'unreachable') return failed({ kind: 'store-unreachable', why: outcome.why })
  return failed({
    kind: 'conflict',
    what: `the request to be replaced has changed: ${outcome.why}`,
    hint: `see hactl list ${asked.cluster}, then try again.`,
  })
}

function interruption({ action }: CommandRequest, request: GivenUp): Failure {
  return { kind: 'interrupted', action, request }
}

async function lateness(
  { action }: CommandRequest,
  lastSeen: string,
  budgetMs: Millis,
  giveUp: () => Promise<GivenUp>,
): Promise<Failure> {
  const request = await giveUp()
  return { kind: 'timed-out', action, seconds: Math.round(budgetMs / 1000), lastSeen, request }
}

/** What the end state lacks; null: nothing. */
function shortcoming(
  asked: CommandRequest,
  followed: Followed,
): Failure | { readonly kind: 'too-late'; readonly lastSeen: string } | null {
  const { action, cluster } = asked
  const { newLeader, formerLeader } = followed
  const hint = `see hactl list ${cluster} and the logs of the agents.`
  if (followed.abandoned !== null) {
    return { kind: 'refused', action, reason: `${followed.abandoned}; ${followed.lastSeen}`, hint }
  }
  if (newLeader === null || !followed.writable) {
    const lastSeen =
      newLeader === null ? followed.lastSeen : `${newLeader} leads, but does not accept writes yet`
    return { kind: 'too-late', lastSeen }
  }
  if (asked.candidate !== null && newLeader !== asked.candidate) {
    return {
      kind: 'partly-done',
      done: `${newLeader} leads cluster ${cluster}`,
      missing: `${asked.candidate} was asked for`,
      hint,
    }
  }
  if (formerLeader !== null && !formerLeader.streaming) {
    const missing = `the former leader ${formerLeader.name} is not back as a streaming standby (${formerLeader.state})`
    return { kind: 'partly-done', done: `${newLeader} leads cluster ${cluster}`, missing, hint }
  }
  return null
}
