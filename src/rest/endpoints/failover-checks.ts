// Is a switchover or failover worth asking for? The checks of spec/interfaces.md 1.9, in order, with the texts that
// operators and patronictl know. The agents judge again when they act: this is courtesy, not safety.

import type { ClusterView, FailoverRequest, Member } from '../../model/cluster/cluster.ts'
import { describeRequest, isExpired } from '../../model/cluster/request.ts'
import type { MemberName, Millis, WallMillis } from '../../model/units.ts'
import type { Peers } from '../../ports/peers.ts'
import type { Flags } from '../../wire/cluster-flags.ts'
import { namedInSync } from '../../wire/cluster-roles.ts'
import { parseSchedule } from '../../wire/times.ts'
import { type Reply, text } from '../reply.ts'
import type { Asked } from '../request/failover-body.ts'

export type Action = 'switchover' | 'failover'

export interface Wish {
  /** `failover` with a leader named becomes a switchover. */
  readonly action: Action
  readonly leader: MemberName | null
  readonly candidate: MemberName | null
  readonly scheduledAt: FailoverRequest['scheduledAt']
}

type Judged = { readonly ok: true; readonly wish: Wish } | { readonly ok: false; readonly reply: Reply }

const PEER_TIMEOUT_MS: Millis = 2000

/** Checks 1 to 7: what is wrong with the request itself. */
export function judgeRequest(asked: Asked, action: Action, paused: boolean, nowWallMs: WallMillis): Judged {
  const { leader, candidate } = asked
  if (action === 'failover' && candidate === null) {
    return refuse(400, 'Failover could be performed only to a specific candidate')
  }
  if (action === 'switchover' && leader === null) {
    return refuse(400, 'Switchover could be performed only from a specific leader')
  }
  let scheduledAt: FailoverRequest['scheduledAt'] = null
  if (asked.scheduledAt !== undefined) {
    if (action === 'failover') return refuse(400, "Failover can't be scheduled")
    if (paused) return refuse(400, "Can't schedule switchover in the paused state")
    const schedule = parseSchedule(asked.scheduledAt, action, nowWallMs)
    if (!schedule.ok) return refuse(schedule.status, schedule.why)
    scheduledAt = schedule
  }
  if (paused && candidate === null) {
    return refuse(400, 'Switchover is possible only to a specific candidate in a paused state')
  }
  if (leader !== null && leader === candidate) return refuse(400, 'Switchover target and source are the same')
  return {
    ok: true,
    wish: { action: leader === null ? action : 'switchover', leader, candidate, scheduledAt },
  }
}

/**
 * A request that stands in etcd is not replaced in silence, which Patroni does: 409, which its DELETE answers too, and whose
 * text patronictl shows. null: none stands there, one that its maker gave up, or `id`, the very same, handed in before.
 */
export function otherRequest(cluster: ClusterView, id: string | null, nowWallMs: WallMillis): Reply | null {
  const [unreadable] = cluster.unreadable ?? []
  if (unreadable !== undefined)
    return text(409, `another request is pending, which is not understood: ${unreadable.why}`)
  const pending = cluster.failover?.value ?? null
  if (pending === null || isExpired(pending, nowWallMs)) return null
  if (id !== null && pending.note?.id === id) return null
  const what = pending.scheduledAt === null ? 'is pending' : 'is scheduled'
  const cure = pending.scheduledAt === null ? '' : '; delete it first (DELETE /switchover)'
  return text(409, `another request ${what}: ${describeRequest(pending)}${cure}`)
}

/** Checks 8 to 13, for what is to happen now. null: go on. */
export async function clusterObstacle(
  wish: Wish,
  cluster: ClusterView,
  flags: Flags,
  peers: Peers,
): Promise<Reply | null> {
  const { action, leader, candidate } = wish
  if (leader !== null && cluster.leader?.name !== leader) return text(412, 'leader name does not match')
  const onlySyncStandbys = flags.synchronousMode === 'on'
  if (candidate !== null) {
    if (action === 'switchover' && onlySyncStandbys && !namedInSync(cluster, candidate)) {
      return text(412, 'candidate name does not match with sync_standby')
    }
    const named = cluster.members.filter(member => member.name === candidate)
    if (named.length === 0) return text(412, 'candidate does not exists')
    return (await anyGood(named, peers)) ? null : noGoodCandidates(action)
  }
  const others = onlySyncStandbys
    ? cluster.members.filter(member => namedInSync(cluster, member.name))
    : cluster.members.filter(member => member.name !== cluster.leader?.name && member.record.apiUrl !== null)
  if (others.length > 0) return (await anyGood(others, peers)) ? null : noGoodCandidates(action)
  const why = onlySyncStandbys ? 'can not find sync_standby' : 'cluster does not have members except leader'
  return text(412, `${action} is not possible: ${why}`)
}

function noGoodCandidates(action: Action): Reply {
  return text(412, `${action} is not possible: no good candidates have been found`)
}

async function anyGood(members: readonly Member[], peers: Peers): Promise<boolean> {
  const answers = await peers.ask(members, PEER_TIMEOUT_MS)
  for (const answer of answers.values()) {
    if (!answer.known || answer.value.position === null) continue
    if (!answer.value.nofailover && !answer.value.watchdogFailed) return true
  }
  return false
}

function refuse(status: number, why: string): Judged {
  return { ok: false, reply: text(status, why) }
}
