// The one change of the configuration that `hactl pause` and `hactl resume` make: through the leader's REST API,
// through another member's if the leader does not answer, and straight into etcd if no member does.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import { isJsonObject, patchDocument } from '../../model/settings/patch.ts'
import type { Millis } from '../../model/units.ts'
import { clusterModes } from '../look/cluster-report.ts'
import type { Deadline, Operator } from '../use-case.ts'
import { readConfig } from './show-config.ts'

const MEMBER_TIMEOUT_MS: Millis = 3000
const ROUNDS_MAX = 3

/** Returns the way that the change took. A silent member may still make it later, which is the same change. */
export async function setPause(
  operator: Operator,
  cluster: string,
  view: ClusterView,
  wanted: boolean,
  deadline: Deadline,
): Promise<Result<string>> {
  for (const { name, record } of leaderFirst(view)) {
    if (record.apiUrl === null || deadline.leftMs() === 0) continue
    const reply = await operator.members.call(
      { name, apiUrl: record.apiUrl },
      {
        method: 'PATCH',
        path: '/config',
        body: { pause: wanted || null },
        timeoutMs: Math.min(MEMBER_TIMEOUT_MS, deadline.leftMs()),
      },
    )
    if (reply.kind === 'answered' && reply.status === 200) return done(`rest:${name}`)
  }
  return writeToEtcd(operator, cluster, wanted, deadline)
}

function leaderFirst({ members, leader }: ClusterView): readonly Member[] {
  const leads = (member: Member): boolean => member.name === leader?.name
  return [...members.filter(leads), ...members.filter(member => !leads(member))]
}

async function writeToEtcd(
  operator: Operator,
  cluster: string,
  wanted: boolean,
  deadline: Deadline,
): Promise<Result<string>> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = await readConfig(operator, cluster, deadline)
    if (!before.ok) return failed(before.failure)
    const { document, revision } = before.value
    const after = patchDocument(document, { pause: wanted || null })
    if (!isJsonObject(after)) throw new Error('merging two objects gave none')
    const outcome = await operator.store.writeConfig(cluster, after, revision, deadline.leftMs())
    if (outcome.kind === 'done') return done('etcd')
    if (outcome.kind === 'unreachable') {
      const what = `the ${wanted ? 'pause' : 'resume'} may have been stored all the same`
      const mayBeDone = outcome.mayBeWritten === true ? { what, look: `hactl list ${cluster}` } : null
      return failed({ kind: 'store-unreachable', why: outcome.why, mayBeDone })
    }
    const now = await operator.store.read(cluster, deadline.leftMs())
    if (now.known && clusterModes(now.value).paused === wanted) return done('etcd')
  }
  return failed({
    kind: 'conflict',
    what: `the configuration of cluster ${cluster} kept changing; nothing was stored`,
    hint: 'try again.',
  })
}
