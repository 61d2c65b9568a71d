// What must hold of each decision about requests, and about a name that another node has.

import { receivedEverything } from '../../../src/decide/election/election.ts'
import { isExpired } from '../../../src/model/cluster/request.ts'
import type { Decision } from '../../../src/model/decision/decision.ts'
import type { Snapshot } from '../../../src/model/decision/snapshot.ts'
import { isJsonObject } from '../../../src/model/settings/patch.ts'
import { ELSEWHERE } from '../faults/operators.ts'

/** A claim of what was given up fails in etcd; nothing is begun without one. null: all is well. */
export function beginsGivenUp(
  givenUp: ReadonlySet<string>,
  name: string,
  { rule }: Decision,
  { cluster, wallMs }: Snapshot,
): string | null {
  if (!['leader.claim-request', 'leader.begin-handover'].includes(rule)) return null
  const request = cluster.known ? cluster.value.failover?.value : undefined
  if (request === undefined) return null
  const { note } = request
  const begun = rule === 'leader.begin-handover'
  if (begun && note?.begunBy !== name) return 'hands over for a request that it did not take up'
  if (begun && givenUp.has(note?.id ?? '')) return `begins ${note?.id}, which was given up`
  return isExpired(request, wallMs) ? `begins ${note?.id} after its end` : null
}

/** To whom a leader hands over: the candidate, or the first who has all that was written; null: nobody says so. */
export function whoHasEverything({ memory }: Decision, { cluster, peers }: Snapshot): string | null {
  const { handover } = memory
  if (handover === null || handover.position === null || !cluster.known) return null
  const { candidate, position } = handover
  const ready = cluster.value.members.find(({ name }) => {
    const answer = peers?.get(name)
    if (candidate !== null && candidate !== name) return false
    return answer?.known === true && receivedEverything(answer.value, position.checkpointLsn)
  })
  return ready?.name ?? null
}

/** They touch neither keys nor data. */
const HARMLESS = ['read-cluster', 'exit', 'cancel-work', 'disarm-fencer', 'answer-order']
/** A server of this node may always be stopped: the primary, or one that its agent is asked to stop with. */
const STOPS = ['stop', 'stop-orphans']

/** While another node of this name lives in etcd, this one touches neither keys nor data. */
export function touchesForeignName(
  name: string,
  { actions, upkeep }: Decision,
  { cluster, lease, nowMs }: Snapshot,
): string | null {
  if (!cluster.known || lease.validUntilMs > nowMs) return null
  const { hactl } = cluster.value.members.find(member => member.name === name)?.record.extra ?? {}
  if (!isJsonObject(hactl) || hactl.host !== ELSEWHERE) return null
  const touching = [...actions, ...upkeep].find(
    action =>
      !HARMLESS.includes(action.kind) && !(action.kind === 'begin' && STOPS.includes(action.job.kind)),
  )
  return touching === undefined ? null : `does ${touching.kind} while another node has its name`
}
