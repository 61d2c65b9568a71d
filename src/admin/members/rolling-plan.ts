// What a rolling restart has to do, and whether the cluster is well enough to begin or go on. The cluster is looked at
// again before each step: only the time when the run began is remembered.

import type { ClusterView, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { Seen } from '../../model/seen.ts'
import { isJsonObject, own } from '../../model/settings/patch.ts'
import type { MemberName, Millis, WallMillis } from '../../model/units.ts'
import { hasNostream } from '../../wire/tags.ts'
import { parseInstant } from '../../wire/times.ts'
import { clusterModes } from '../look/cluster-report.ts'
import { lostMembers } from '../look/lost-members.ts'
import type { Deadline, Operator } from '../use-case.ts'
import { copyText, percentOf } from './endangered-copies.ts'
import { readClusterOfMembers } from './member-selection.ts'
import { leads, lookAt, type MemberStatus, stateText } from './member-status.ts'

export interface RollingOptions {
  /** Only members whose settings wait for a restart; otherwise all whose server began before `sinceMs`. */
  readonly pending: boolean
  readonly sinceMs: WallMillis
  readonly timeoutMs: Millis | null
}

export interface Sight {
  readonly view: ClusterView
  readonly looks: ReadonlyMap<MemberName, Seen<MemberStatus>>
}

export interface RollingPlan {
  /** In this order: standbys, the leader, and standbys that can adopt the leader's lower values only after it. */
  readonly before: readonly Member[]
  readonly leader: Member | null
  readonly after: readonly Member[]
  /** Settings that become lower, and must do so on the primary first: the leader restarts without a handover. */
  readonly lowered: readonly string[]
  /** Members whose server is new already, or for whom nothing is pending. */
  readonly spared: readonly Member[]
}

export async function lookAtAll(
  operator: Operator,
  cluster: string,
  deadline: Deadline,
): Promise<Result<Sight>> {
  const read = await readClusterOfMembers(operator, cluster, 'rolling restart', deadline)
  if (!read.ok) return failed(read.failure)
  const looks = read.value.members.map(async member => [member.name, await lookAt(operator, member)] as const)
  return done({ view: read.value, looks: new Map(await Promise.all(looks)) })
}

/** null: the leader serves, and every standby gets WAL. */
export function whyUnwell({ view, looks }: Sight): string | null {
  const leader = view.leader?.name ?? null
  if (leader === null) return 'it has no leader'
  if (!view.members.some(({ name }) => name === leader)) return `its leader ${leader} has no member key`
  if (view.members.length === 1)
    return 'it has one member only, whose restart is an outage: hactl restart does that'
  if (clusterModes(view).paused) return 'it is in maintenance mode (hactl resume ends it)'
  if (view.failover !== null && view.failover.value.scheduledAt === null)
    return 'a switchover or failover is pending'
  const gone = lostMembers(view).map(({ name, slot, slotUntil }) => {
    const until = slotUntil === null ? '' : `, kept in mind until ${slotUntil}`
    return `${name ?? slot} is gone${until}`
  })
  const unwell = view.members.flatMap(member => {
    const look = looks.get(member.name)
    if (look === undefined || !look.known)
      return [`${member.name} does not answer (${look?.why ?? 'not asked'})`]
    return isWell(member, look.value, leader) ? [] : [whyNotInService(member.name, look.value)]
  })
  const all = [...unwell, ...gone]
  return all.length === 0 ? null : all.join('; ')
}

/** If a restart or the switchover would end a copy, names the copy and its progress. */
function whyNotInService(member: MemberName, status: MemberStatus): string {
  const { state, work } = status
  if (state !== 'creating replica' || work === null || work.source === null)
    return `${member} is not in service (${stateText(status)})`
  return `${copyText({ member, source: work.source, percent: percentOf(work) })} is not done`
}

function isWell({ name, record }: Member, status: MemberStatus, leader: MemberName): boolean {
  if (status.state !== 'running') return false
  if (name === leader) return leads(status) || status.role === 'standby_leader'
  // A member tagged nostream is meant to read the archive.
  return (
    status.replicationState === 'streaming' || (hasNostream(record.tags) && status.replicationState !== null)
  )
}

export function planRolling({ view, looks }: Sight, options: RollingOptions): RollingPlan {
  const leaderName = view.leader?.name
  const statusOf = ({ name }: Member): MemberStatus | null => {
    const look = looks.get(name)
    return look?.known ? look.value : null
  }
  const needs = (member: Member): boolean => isDue(statusOf(member), options)
  const due = view.members.filter(needs)
  const leader = due.find(({ name }) => name === leaderName) ?? null
  const standbys = due.filter(member => member !== leader)
  const waiting = leader === null ? {} : (statusOf(leader)?.pendingRestartReason ?? {})
  const lowered = loweredSettings(waiting)
  const spared = view.members.filter(member => !due.includes(member))
  if (lowered.length === 0) return { before: standbys, leader, after: [], lowered, spared }
  // A standby with a lower value than its primary would stop replaying, so the standbys get higher values first.
  const before = raisedSettings(waiting).length === 0 ? [] : standbys
  return { before, leader, after: standbys, lowered, spared }
}

export function isDue(status: MemberStatus | null, { pending, sinceMs }: RollingOptions): boolean {
  if (status === null) return true
  if (pending) return status.pendingRestart
  const startedMs = parseInstant(status.startedAt)
  return startedMs === null || startedMs < sinceMs
}

/** PostgreSQL replays on a standby only if these are at least as high there as on the primary. */
const SHARED = [
  'max_connections',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'max_worker_processes',
  'max_wal_senders',
]

function loweredSettings(reason: JsonObject): readonly string[] {
  return changesOf(reason)
    .filter(({ from, to }) => to < from)
    .map(({ name }) => name)
}

function raisedSettings(reason: JsonObject): readonly string[] {
  return changesOf(reason)
    .filter(({ from, to }) => to > from)
    .map(({ name }) => name)
}

function changesOf(
  reason: JsonObject,
): readonly { readonly name: string; readonly from: number; readonly to: number }[] {
  return SHARED.flatMap(name => {
    const change = own(reason, name)
    if (!isJsonObject(change)) return []
    const [from, to] = [Number(change.old_value), Number(change.new_value)]
    return Number.isNaN(from) || Number.isNaN(to) ? [] : [{ name, from, to }]
  })
}
