// `hactl show-config`: the dynamic configuration as it is in etcd.

import type { ClusterView, JsonObject } from '../../model/cluster/cluster.ts'
import { runsHactl } from '../../model/cluster/request.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import { profileOf, type TimingProfile } from '../../model/settings/timing-profile.ts'
import type { MemberName, Millis, Revision } from '../../model/units.ts'
import { type Deadline, deadlineIn, type Operator, readCluster } from '../use-case.ts'

export interface ConfigReport {
  readonly cluster: string
  /** An edit names this revision, so that it cannot overwrite a change made meanwhile. */
  readonly revision: Revision
  readonly document: JsonObject
  /** The timing profile whose values the document has; null: none. */
  readonly profile: TimingProfile | null
  /** Members that run Patroni, which does not honour each value. */
  readonly patroniMembers: readonly MemberName[]
}

export function showConfig(
  operator: Operator,
  cluster: string,
  budgetMs: Millis,
): Promise<Result<ConfigReport>> {
  return readConfig(operator, cluster, deadlineIn(operator.clock, budgetMs))
}

/** Like showConfig, for an edit that replaces the whole document: an unreadable document counts as empty. */
export async function configToReplace(
  operator: Operator,
  cluster: string,
  budgetMs: Millis,
): Promise<Result<ConfigReport>> {
  const read = await readCluster(operator, cluster, deadlineIn(operator.clock, budgetMs))
  if (!read.ok) return failed(read.failure)
  const { config } = read.value
  if (config === null) return failed({ kind: 'config-missing', cluster })
  const document = config.value.valid ? config.value.document : {}
  return done(reportOf(cluster, config.modRevision, document, read.value))
}

export async function readConfig(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<ConfigReport>> {
  const read = await readCluster(operator, cluster, deadline)
  return read.ok ? configOf(cluster, read.value) : failed(read.failure)
}

export function configOf(cluster: string, view: ClusterView): Result<ConfigReport> {
  const { config } = view
  if (config === null) return failed({ kind: 'config-missing', cluster })
  if (!config.value.valid) {
    return failed({
      kind: 'refused',
      action: 'reading the configuration',
      reason: `the config key of cluster ${cluster} is not readable: ${config.value.why}`,
      hint: 'write a good document with hactl edit-config --replace FILE.',
    })
  }
  return done(reportOf(cluster, config.modRevision, config.value.document, view))
}

function reportOf(
  cluster: string,
  revision: Revision,
  document: JsonObject,
  { members }: ClusterView,
): ConfigReport {
  const patroniMembers = members.filter(member => !runsHactl(member)).map(({ name }) => name)
  return { cluster, revision, document, profile: profileOf(document), patroniMembers }
}
