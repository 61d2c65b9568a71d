// `hactl wait`: waits until the cluster is as a runbook needs it, and shows meanwhile and at the end what is missing.

import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName, Millis, Timeline } from '../../model/units.ts'
import { type Deadline, deadlineIn, memberNotFound, type Operator } from '../use-case.ts'
import { type ClusterLook, findingsOf, leaderTimeline, lookAtCluster, notWritableText } from './health.ts'

export type Condition =
  | { readonly kind: 'leader' | 'healthy' | 'streaming' }
  | { readonly kind: 'timeline'; readonly timeline: Timeline }
  | { readonly kind: 'member'; readonly member: MemberName; readonly state: string }

interface WaitReport {
  readonly cluster: string
  readonly reached: boolean
  readonly conditions: readonly { readonly condition: string; readonly missing: string | null }[]
  readonly waitedMs: Millis
}

const LOOK_EVERY_MS: Millis = 300
const LOOK_BUDGET_MS: Millis = 5000
const LAST_LOOK_MS: Millis = 1000

/** `progress` is called with what is missing whenever that changes. */
export async function waitFor(
  operator: Operator,
  cluster: string,
  conditions: readonly Condition[],
  deadline: Deadline,
  progress: (missing: string) => void,
): Promise<Result<WaitReport>> {
  const startMs = operator.clock.bootMs()
  let told = ''
  for (let round = 0; ; round++) {
    // The last look gets its time too, or it would report as missing what it had no time to see.
    const budgetMs = Math.max(LAST_LOOK_MS, Math.min(LOOK_BUDGET_MS, deadline.leftMs()))
    const look = await lookAtCluster(operator, cluster, deadlineIn(operator.clock, budgetMs))
    if (!look.ok && isFinal(look.failure, round)) return failed(look.failure)
    const report = reportOf(cluster, conditions, look, operator.clock.bootMs() - startMs)
    if (report.reached) return done(report)
    const missing = missingOf(report)
    if (missing !== told) progress(missing)
    told = missing
    if (deadline.leftMs() > 0) {
      await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()))
      continue
    }
    if (!look.ok && look.failure.kind === 'cluster-not-found') return failed(look.failure, report)
    const seconds = Math.round(deadline.budgetMs / 1000)
    return failed(
      unknownMember(cluster, conditions, look) ?? { kind: 'not-reached', cluster, seconds, missing },
      report,
    )
  }
}

/** A cluster that does not exist may be about to be created, unless another one is probably meant. */
function isFinal(failure: Failure, round: number): boolean {
  if (failure.kind === 'cluster-not-found') return failure.similar.length > 0
  return round === 0
}

/** A member that did not join during the wait: its name may be wrong. */
function unknownMember(
  cluster: string,
  conditions: readonly Condition[],
  look: Result<ClusterLook>,
): Failure | null {
  if (!look.ok) return null
  const { members } = look.value.view
  const unknown = conditions.find(
    one => one.kind === 'member' && !members.some(({ name }) => name === one.member),
  )
  return unknown?.kind === 'member' ? memberNotFound(cluster, unknown.member, members) : null
}

function reportOf(
  cluster: string,
  conditions: readonly Condition[],
  look: Result<ClusterLook>,
  waitedMs: Millis,
): WaitReport {
  const judged = conditions.map(condition => ({
    condition: conditionText(condition),
    missing: look.ok ? missingFor(condition, look.value) : whyUnseen(look.failure),
  }))
  return { cluster, reached: judged.every(({ missing }) => missing === null), conditions: judged, waitedMs }
}

function missingOf({ conditions }: WaitReport): string {
  return [...new Set(conditions.flatMap(({ missing }) => (missing === null ? [] : [missing])))].join('; ')
}

function whyUnseen(failure: Failure): string {
  if (failure.kind === 'cluster-not-found') return `cluster ${failure.cluster} does not exist in etcd yet`
  return failure.kind === 'store-unreachable' ? `etcd cannot be read: ${failure.why}` : failure.kind
}

function conditionText(condition: Condition): string {
  if (condition.kind === 'timeline') return `timeline=${condition.timeline}`
  return condition.kind === 'member' ? `${condition.member}=${condition.state}` : condition.kind
}

/** null: the condition holds. */
function missingFor(condition: Condition, look: ClusterLook): string | null {
  switch (condition.kind) {
    case 'leader':
      return missingLeader(look)
    case 'healthy': {
      const findings = findingsOf(look, { members: null, lagBytes: null })
      const texts = findings.map(({ member, text }) => (member === null ? text : `${member}: ${text}`))
      return texts.length === 0 ? null : texts.join('; ')
    }
    case 'streaming':
      return missingStream(look)
    case 'timeline': {
      const timeline = leaderTimeline(look)
      if (timeline !== null && timeline >= condition.timeline) return null
      return timeline === null
        ? "the leader's timeline is not known"
        : `the leader is on timeline ${timeline}`
    }
    case 'member':
      return missingState(condition.member, condition.state, look)
    default:
      return condition satisfies never
  }
}

function missingLeader({ view, notWritable }: ClusterLook): string | null {
  if (notWritable === null) return null
  return view.leader === null ? 'nobody leads' : `${view.leader.name} ${notWritableText(notWritable)}`
}

function missingStream({ view, asked }: ClusterLook): string | null {
  const standbys = view.members.filter(({ name }) => name !== view.leader?.name)
  if (view.leader === null) return 'nobody leads'
  if (standbys.length === 0) return 'there is no standby'
  const missing = standbys.flatMap(({ name }) => {
    const said = asked.get(name)
    if (said?.answer?.streams === true) return []
    return [
      said?.answer == null ? `${name} does not answer` : `${name} does not stream (${said.answer.state})`,
    ]
  })
  return missing.length === 0 ? null : missing.join('; ')
}

function missingState(name: MemberName, state: string, { view, asked }: ClusterLook): string | null {
  if (!view.members.some(member => member.name === name)) {
    const known = view.members.map(member => member.name).join(', ') || 'none'
    return `${name} is no member (yet); members are ${known}`
  }
  const said = asked.get(name)
  if (said === undefined || said.answer === null) return `${name} does not answer: ${said?.why ?? ''}`
  const { answer } = said
  if (state === 'streaming') return answer.streams ? null : `${name} does not stream (${answer.state})`
  if (state === 'leader') return view.leader?.name === name ? null : `${name} does not lead`
  return answer.state === state ? null : `the state of ${name} is ${answer.state}`
}
