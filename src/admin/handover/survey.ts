// The cluster as a command sees it before it asks for a switchover or failover.

import { isAsynchronous } from '../../judge/synchronous.ts'
import type { ClusterView } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName } from '../../model/units.ts'
import type { ClusterModes } from '../../wire/modes.ts'
import { failoverTags } from '../../wire/tags.ts'
import { clusterModes } from '../look/cluster-report.ts'
import { type Deadline, type Operator, readCluster } from '../use-case.ts'

export interface Survey {
  readonly view: ClusterView
  readonly modes: ClusterModes
  readonly leader: MemberName | null
  /** Members other than the leader that are not tagged nofailover, by name. */
  readonly eligible: readonly MemberName[]
  /** Of these, in a synchronous mode: the ones that no commit waited for. */
  readonly asynchronous: readonly MemberName[]
}

export async function surveyCluster(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<Survey>> {
  const read = await readCluster(operator, cluster, deadline)
  return read.ok ? done(surveyOf(read.value)) : failed(read.failure)
}

export function surveyOf(view: ClusterView): Survey {
  const leader = view.leader?.name ?? null
  const eligible = view.members
    .filter(member => member.name !== leader && !failoverTags(member.record.tags).nofailover)
    .map(member => member.name)
  const modes = clusterModes(view)
  const sync = { modes, sync: view.sync?.value ?? null, isLed: leader !== null }
  const asynchronous = eligible.filter(name => isAsynchronous(sync, name))
  return { view, modes, leader, eligible, asynchronous }
}
