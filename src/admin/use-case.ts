// The services of every use case: the store, the members' API, a clock, and the remaining time. Also the one way to
// look a cluster up, so that an unknown name is never mistaken for an empty cluster.

import type { ClusterView, Member } from '../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../model/command/failure.ts'
import { nearestNames } from '../model/command/nearest.ts'
import type { MemberName, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { MemberApi, OperatorStore } from '../ports/operator.ts'
import type { Peers } from '../ports/peers.ts'
import { isUnknownCluster } from './look/cluster-report.ts'

export interface Operator {
  readonly clock: Clock
  readonly store: OperatorStore
  readonly members: MemberApi
  readonly peers: Peers
  readonly namespace: string
  /** Who runs this process; null: a number without a name. */
  readonly user: string | null
  /** Who asks, for people: `kim@db1`. */
  readonly person: string
  /** An id that is never given twice, anywhere. */
  readonly newId: () => string
  /** `scope` of the configuration; null when there is none. */
  readonly defaultCluster: string | null
}

/** Time that a command may take in all, counted from its creation. */
export interface Deadline {
  leftMs(): Millis
  readonly budgetMs: Millis
}

export function deadlineIn(clock: Clock, budgetMs: Millis): Deadline {
  const endMs = clock.bootMs() + budgetMs
  return { budgetMs, leftMs: () => Math.max(0, endMs - clock.bootMs()) }
}

/** Looking for clusters with a similar name may not cost more than this on top of the failure. */
const SIMILAR_BUDGET_MS: Millis = 1000

/** `cluster-not-found` with near names, or `store-unreachable`. */
export async function readCluster(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<ClusterView>> {
  const read = await readWhatIsThere(operator, cluster, deadline)
  if (!read.ok || !isUnknownCluster(read.value)) return read
  const scopes = await operator.store.scopes(Math.min(SIMILAR_BUDGET_MS, deadline.leftMs()))
  // The cluster itself may have been created between the two reads, and is no similar name.
  const others = scopes.known ? scopes.value.filter(name => name !== cluster) : []
  const similar = nearestNames(cluster, others)
  const memberOf = await clusterOfMember(operator, cluster, deadline)
  return failed({ kind: 'cluster-not-found', cluster, similar, ...(memberOf === null ? {} : { memberOf }) })
}

/** A member's name in place of the cluster's refers to the configured cluster. null: that has no such member. */
async function clusterOfMember(
  { store, defaultCluster }: Operator,
  name: string,
  deadline: Deadline,
): Promise<string | null> {
  if (defaultCluster === null || defaultCluster === name) return null
  const own = await store.read(defaultCluster, deadline.leftMs())
  return own.known && own.value.members.some(member => member.name === name) ? defaultCluster : null
}

/** Like readCluster, but a cluster that does not exist is a view without keys. */
export async function readWhatIsThere(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<ClusterView>> {
  const read = await operator.store.read(cluster, deadline.leftMs())
  return read.known ? done(read.value) : failed({ kind: 'store-unreachable', why: read.why })
}

/** The argument, or the configuration's scope. */
export function chooseCluster(operator: Operator, named: string | undefined): Result<string> {
  const cluster = named ?? operator.defaultCluster
  return cluster === null || cluster === '' ? failed({ kind: 'no-cluster-named' }) : done(cluster)
}

export function memberNotFound(cluster: string, member: MemberName, members: readonly Member[]): Failure {
  const known = members.map(other => other.name)
  return { kind: 'member-not-found', cluster, member, known, similar: nearestNames(member, known) }
}
