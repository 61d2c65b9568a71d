// `hactl list` and `hactl topology`: what etcd says about each cluster and, on request, whether each member answers.

import type { ClusterView } from '../../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import type { ClusterReport } from '../../model/command/report.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { percentOf } from '../members/endangered-copies.ts'
import { lookAt } from '../members/member-status.ts'
import { type Deadline, deadlineIn, type Operator, readCluster, readWhatIsThere } from '../use-case.ts'
import { reportCluster } from './cluster-report.ts'
import { type Sign, signOf } from './sign-of-life.ts'

interface ListOptions {
  /** Empty: the configured one. */
  readonly clusters: readonly string[]
  /**
   * How long to wait for a sign of life from all members at once: a listing from etcd alone shows a dead member until
   * its lease ends. null: nobody is asked.
   */
  readonly askMs: Millis | null
  readonly budgetMs: Millis
  /** As patronictl does: a cluster that is not there is listed as an empty one. */
  readonly unknownIsEmpty: boolean
}

export interface ListReport {
  readonly clusters: readonly ClusterReport[]
}

/** A cluster that cannot be listed does not hide the others: the failure comes with what was found. */
export async function listClusters(operator: Operator, options: ListOptions): Promise<Result<ListReport>> {
  const names = options.clusters.length > 0 ? options.clusters : [operator.defaultCluster ?? '']
  if (names.includes('')) return failed({ kind: 'no-cluster-named' })
  const deadline = deadlineIn(operator.clock, options.budgetMs)
  // All clusters are read before any member is asked: comparing names would use up the little time for the answers.
  const views = await Promise.all(
    names.map(async name => [name, await viewOf(operator, name, options, deadline)] as const),
  )
  const results = await Promise.all(
    views.map(([name, view]) => listOne(operator, name, view, options, deadline)),
  )
  const clusters = results.flatMap(result => (result.ok ? [result.value] : []))
  const failure = results.map(failureOf).find(found => found !== null)
  return failure === undefined ? done({ clusters }) : failed(failure, { clusters })
}

function failureOf(result: Result<unknown>): Failure | null {
  return result.ok ? null : result.failure
}

async function viewOf(
  operator: Operator,
  cluster: string,
  { unknownIsEmpty }: ListOptions,
  deadline: Deadline,
): Promise<Result<ClusterView>> {
  return unknownIsEmpty
    ? readWhatIsThere(operator, cluster, deadline)
    : readCluster(operator, cluster, deadline)
}

async function listOne(
  operator: Operator,
  cluster: string,
  read: Result<ClusterView>,
  { askMs }: ListOptions,
  deadline: Deadline,
): Promise<Result<ClusterReport>> {
  if (!read.ok) return failed(read.failure)
  if (askMs === null) return done(reportCluster(cluster, operator.namespace, read.value))
  const limitMs = Math.min(askMs, deadline.leftMs())
  const [answers, copied] = await Promise.all([
    signsOfLife(operator, read.value, limitMs),
    copiedPercents(operator, read.value, limitMs),
  ])
  const silent = new Map([...answers].map(([name, sign]) => [name, sign.silent]))
  const report = reportCluster(cluster, operator.namespace, read.value, silent)
  const members = report.members.map(member => ({
    ...member,
    ...(answers.get(member.name)?.hangs === true && HANGING),
    copiedPercent: copied.get(member.name) ?? null,
  }))
  return done({ ...report, members })
}

/** Its member key cannot say so: nothing writes it meanwhile. */
const HANGING = {
  problem: 'its agent hangs: a step of its beat does not come back, and its lease is not renewed',
  problemId: 'agent-hangs',
}

/** The progress of members whose data is being copied; Patroni's members do not report it. */
async function copiedPercents(
  operator: Operator,
  { members }: ClusterView,
  timeoutMs: Millis,
): Promise<ReadonlyMap<MemberName, number | null>> {
  const copying = members.filter(({ record }) => record.state === 'creating replica')
  const asked = copying.map(async (member): Promise<readonly [MemberName, number | null]> => {
    const look = await lookAt(operator, member, timeoutMs)
    const work = look.known ? look.value.work : null
    return [member.name, work === null ? null : percentOf(work)]
  })
  return new Map(await Promise.all(asked))
}

async function signsOfLife(
  operator: Operator,
  view: ClusterView,
  timeoutMs: Millis,
): Promise<ReadonlyMap<MemberName, Sign>> {
  const asked = view.members.map(
    async (member): Promise<readonly [MemberName, Sign]> => [
      member.name,
      await signOf(operator, member, timeoutMs),
    ],
  )
  return new Map(await Promise.all(asked))
}
