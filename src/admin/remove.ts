// `hactl remove`: deletes a cluster from etcd, that is, every key below its prefix. PostgreSQL and its data are left
// alone. Living members would write their keys again, so their cluster is removed only if its leader is named.

import type { ClusterView } from '../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../model/command/failure.ts'
import type { MemberName, Millis } from '../model/units.ts'
import { signOfLife } from './look/sign-of-life.ts'
import { type Deadline, type Operator, readCluster } from './use-case.ts'

export interface RemovalSurvey {
  readonly cluster: string
  readonly view: ClusterView
  readonly leader: MemberName | null
  readonly living: readonly MemberName[]
  /** Those of `living` that do not answer: a stopped agent leaves its key until the lease ends. */
  readonly silent: readonly MemberName[]
}

export interface RemoveReport {
  readonly cluster: string
  readonly removed: boolean
  /** Names below the cluster's prefix. */
  readonly keys: readonly string[]
  /** Members that were alive in the survey: they write keys again until their agents are stopped. */
  readonly living: readonly MemberName[]
}

const ANSWER_MS: Millis = 1500

export async function surveyRemoval(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<RemovalSurvey>> {
  const read = await readCluster(operator, cluster, deadline)
  if (!read.ok) return failed(read.failure)
  const view = read.value
  const asked = await Promise.all(
    view.members.map(async member => {
      // A key with a lease exists only while its agent renews it; a member whose key has none must answer.
      const answers = (await signOfLife(operator, member, ANSWER_MS)) === null
      return { name: member.name, answers, lives: answers || member.leaseId !== null }
    }),
  )
  const living = asked.filter(({ lives }) => lives)
  return done({
    cluster,
    view,
    leader: view.leader?.name ?? null,
    living: living.map(({ name }) => name),
    silent: living.filter(({ answers }) => !answers).map(({ name }) => name),
  })
}

/** `typedLeader` is null if the operator typed none. Returns null if the cluster may be removed. */
export function removalObjection(
  { cluster, leader, living, silent }: RemovalSurvey,
  typedLeader: MemberName | null,
): Failure | null {
  if (typedLeader !== null && typedLeader !== leader) {
    const reason = `${typedLeader === '' ? 'nobody' : typedLeader} is not the leader of cluster ${cluster}`
    return { kind: 'refused', action: 'remove', reason, hint: `see hactl list ${cluster}.` }
  }
  if (living.length === 0 || (leader !== null && typedLeader === leader)) return null
  if (silent.length === living.length && leader === null)
    return {
      kind: 'refused',
      action: 'remove',
      reason: `${living.join(', ')} ${living.length === 1 ? 'does' : 'do'} not answer, but the lease of the member key has not ended`,
      hint: 'the key of an agent that was stopped goes within the ttl; try again then.',
    }
  return {
    kind: 'refused',
    action: 'remove',
    reason: `${living.join(', ')} ${living.length === 1 ? 'is' : 'are'} alive and would write the keys again`,
    hint:
      leader === null
        ? 'stop their agents first.'
        : `stop their agents first, or name the leader: --confirm ${cluster} --leader NAME.`,
  }
}

export async function removeCluster(
  operator: Operator,
  { cluster, view, living }: RemovalSurvey,
  deadline: Deadline,
): Promise<Result<RemoveReport>> {
  const nothing: RemoveReport = { cluster, removed: false, keys: [], living }
  const seen = {
    leader: view.leader?.modRevision ?? null,
    initialize: view.initialize?.modRevision ?? null,
  }
  const outcome = await operator.store.removeAll(cluster, seen, deadline.leftMs())
  if (outcome.kind === 'done') return done({ ...nothing, removed: true, keys: outcome.keys })
  if (outcome.kind === 'refused') {
    const what = `cluster ${cluster} was not removed: ${outcome.why}`
    return failed({ kind: 'conflict', what, hint: `see hactl list ${cluster}, then try again.` }, nothing)
  }
  const what = `cluster ${cluster} may have been removed all the same`
  const mayBeDone = outcome.mayBeWritten === true ? { what, look: `hactl list ${cluster}` } : null
  return failed({ kind: 'store-unreachable', why: outcome.why, mayBeDone }, nothing)
}
