// `hactl check`: is the cluster as it should be? Looks once, or again and again until it is or the time is over.

import { done, failed, type Result } from '../../model/command/failure.ts'
import type { MemberWarning } from '../../model/command/report.ts'
import type { Bytes, MemberName, Millis, Timeline } from '../../model/units.ts'
import { deadlineIn, type Operator } from '../use-case.ts'
import {
  type ClusterLook,
  type Finding,
  findingsOf,
  type Limits,
  lagOf,
  leaderTimeline,
  lookAtCluster,
  serves,
} from './health.ts'

interface CheckOptions {
  readonly cluster: string
  readonly limits: Limits
  /** How long to wait until all is well; 0: no wait. */
  readonly waitMs: Millis
  /** For one look. */
  readonly budgetMs: Millis
  /** Shows people what is not yet as it should be. */
  readonly progress: (text: string) => void
}

export interface CheckReport {
  readonly cluster: string
  /** `degraded`: accepts writes, but something is not as it should be; `down`: accepts none, or that is not known. */
  readonly health: 'healthy' | 'degraded' | 'down'
  readonly leader: MemberName | null
  readonly timeline: Timeline | null
  readonly members: number
  readonly streaming: number
  /** The lag of the standby that is farthest behind; null: nobody streams, or it is not known. */
  readonly lagBytes: Bytes | null
  readonly findings: readonly Finding[]
  /** What members' configurations leave open: told, and no reason to call the cluster unhealthy. */
  readonly warnings: readonly (MemberWarning & { readonly member: MemberName })[]
}

const LOOK_EVERY_MS: Millis = 500

export async function checkCluster(operator: Operator, options: CheckOptions): Promise<Result<CheckReport>> {
  const { cluster, limits, budgetMs } = options
  const waiting = deadlineIn(operator.clock, options.waitMs)
  for (;;) {
    const look = await lookAtCluster(operator, cluster, deadlineIn(operator.clock, budgetMs))
    if (!look.ok) return failed(look.failure)
    const report = reportOf(cluster, look.value, limits)
    if (report.health === 'healthy') return done(report)
    if (waiting.leftMs() === 0) return failed(unhealthy(report, look.value), report)
    options.progress(report.findings.map(({ member, text }) => `${member ?? cluster}: ${text}`).join('; '))
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, waiting.leftMs()))
  }
}

function unhealthy({ cluster, findings }: CheckReport, look: ClusterLook) {
  return { kind: 'unhealthy', cluster, serves: serves(look), findings: findings.length } as const
}

function reportOf(cluster: string, look: ClusterLook, limits: Limits): CheckReport {
  const findings = findingsOf(look, limits)
  const standbys = look.view.members.filter(({ name }) => name !== look.view.leader?.name)
  const streaming = standbys.filter(({ name }) => look.asked.get(name)?.answer?.streams === true)
  const lags = streaming.map(({ name }) => lagOf(look, name))
  return {
    cluster,
    health: findings.length === 0 ? 'healthy' : serves(look) === true ? 'degraded' : 'down',
    leader: look.view.leader?.name ?? null,
    timeline: leaderTimeline(look),
    members: look.view.members.length,
    streaming: streaming.length,
    lagBytes: lags.reduce<Bytes | null>(
      (most, lag) => (lag !== null && lag > (most ?? -1n) ? lag : most),
      null,
    ),
    findings,
    warnings: look.report.members.flatMap(({ name, warnings }) =>
      warnings.map(warning => ({ member: name, ...warning })),
    ),
  }
}
