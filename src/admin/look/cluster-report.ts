// Turns the keys in etcd into the report behind `hactl list`: roles, positions in both forms, lags in bytes, pause,
// scheduled switchover. Pure; the rules are those of Patroni's `/cluster` (spec/interfaces.md 1.7, 2.3).

import { modeNotHonoured } from '../../judge/handover.ts'
import { syncProtection } from '../../judge/sync-protection.ts'
import type { ClusterView, FailoverRequest, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { drainOf } from '../../model/cluster/drained-member.ts'
import { guardOf } from '../../model/cluster/guard.ts'
import { saidText, saidWarnings } from '../../model/cluster/hactl-part.ts'
import { requestKind, runsHactl } from '../../model/cluster/request.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type {
  ClusterReport,
  MemberReport,
  PendingRequest,
  Position,
  SynchronousReport,
} from '../../model/command/report.ts'
import { OPEN_API } from '../../model/settings/open-api.ts'
import { type Bytes, formatLsn, type Lsn, type MemberName, type WallMillis } from '../../model/units.ts'
import { roleInCluster } from '../../wire/cluster-roles.ts'
import { parseConnUrl } from '../../wire/member-urls.ts'
import { type ClusterModes, modesOf } from '../../wire/modes.ts'
import { lostMembers } from './lost-members.ts'

/** `answers`: why each asked member did not answer (null: it did); a member that is not in it was not asked. */
export function reportCluster(
  cluster: string,
  namespace: string,
  view: ClusterView,
  answers: ReadonlyMap<MemberName, string | null> = new Map(),
): ClusterReport {
  const modes = clusterModes(view)
  const optime = view.status?.value.optime ?? null
  const request = view.failover?.value ?? null
  const from = request?.leader ?? null
  const to = request?.candidate ?? null
  return {
    cluster,
    namespace,
    state:
      view.initialize === null
        ? 'uninitialized'
        : view.initialize.value === ''
          ? 'initializing'
          : 'initialized',
    systemIdentifier: view.initialize?.value ? view.initialize.value : null,
    paused: modes.paused,
    leader: view.leader === null ? null : { name: view.leader.name, leaseId: leaseText(view.leader) },
    timeline: clusterTimeline(view.history?.value ?? null),
    leaderPosition: position(optime),
    synchronous: synchronousReport(view, modes),
    scheduledSwitchover: request?.scheduledAt ? { at: request.scheduledAt.text, from, to } : null,
    pendingRequest: request !== null && request.scheduledAt === null ? pendingRequest(request) : null,
    unreadableRequest: view.unreadable?.find(({ key }) => key === 'failover')?.why ?? null,
    drainedAway: drainedAway(view),
    refusedMembers: view.refusedMembers ?? 0,
    refusedKeys: view.refusedKeys ?? [],
    leftOutMembers: view.leftOutMembers ?? 0,
    members: view.members.map(member => reportMember(member, view, modes, optime, answers)),
    lostMembers: lostMembers(view),
  }
}

function synchronousReport(view: ClusterView, modes: ClusterModes): SynchronousReport {
  const protection = syncProtection(view, documentOf(view))
  const { quorum = 0, standbys = [] } = view.sync?.value ?? {}
  const leader = view.members.find(({ name }) => name === view.leader?.name)
  const isIgnored = leader !== undefined && runsHactl(leader) && modeNotHonoured(modes) !== null
  return {
    ...{ mode: modes.synchronousMode, quorum, standbys },
    ...{ strict: protection?.strict ?? false, wanted: protection?.wanted ?? 0 },
    acknowledging: protection?.acknowledging ?? 0,
    problem:
      protection !== null && isIgnored
        ? 'the leader does not carry it out'
        : (protection?.problem?.text ?? null),
  }
}

function drainedAway({ drains = [], members }: ClusterView): readonly MemberName[] {
  return drains.map(({ member }) => member).filter(name => !members.some(member => member.name === name))
}

/** No key at all: a cluster of this name never existed, or was removed. */
export function isUnknownCluster(view: ClusterView): boolean {
  const keys = [
    view.initialize,
    view.config,
    view.leader,
    view.status,
    view.failover,
    view.history,
    view.sync,
    view.lastLeader,
  ]
  return (
    view.members.length === 0 &&
    view.failsafe === null &&
    (view.drains ?? []).length === 0 &&
    keys.every(key => key === null)
  )
}

/** A document that cannot be read says nothing about any mode. */
export function clusterModes(view: ClusterView): ClusterModes {
  return modesOf(documentOf(view))
}

/** A document that cannot be read says nothing. */
export function documentOf({ config }: ClusterView): JsonObject {
  return config?.value.valid === true ? config.value.document : {}
}

function pendingRequest(request: FailoverRequest): PendingRequest {
  const { leader: from, candidate: to, note } = request
  const time = (ms: WallMillis | null | undefined) => (ms == null ? null : new Date(ms).toISOString())
  return {
    action: requestKind(request),
    ...{ from, to, requestedBy: note?.by ?? null, requestedAt: time(note?.atMs) },
    ...{ validUntil: time(note?.untilMs), begunBy: note?.begunBy ?? null },
  }
}

function reportMember(
  member: Member,
  view: ClusterView,
  modes: ClusterModes,
  optime: Lsn | null,
  answers: ReadonlyMap<MemberName, string | null>,
): MemberReport {
  const { record } = member
  const holdsLeaderKey = member.name === view.leader?.name
  const where = parseConnUrl(record.connUrl)
  // The leader's own position is not behind anything; the columns for standbys stay empty.
  const standby = <T>(value: T): T | null => (holdsLeaderKey ? null : value)
  const answer = answers.get(member.name)
  return {
    name: member.name,
    role: roleInCluster(view, member.name, modes),
    publishedRole: record.role,
    state: record.state,
    ...problemOf(member, view, modes),
    warnings: saidWarnings(member).map(id => ({ id, text: warningText(id) })),
    replicationState: record.replicationState ?? null,
    holdsLeaderKey,
    leaseId: leaseText(member),
    host: where?.host ?? null,
    port: where?.port ?? null,
    apiUrl: record.apiUrl,
    version: record.version,
    timeline: record.timeline ?? null,
    position: position(record.xlogLocation),
    lagBytes: standby(lag(optime, record.xlogLocation)),
    received: standby(position(record.receiveLsn)),
    receiveLagBytes: standby(lag(optime, record.receiveLsn)),
    replayed: standby(position(record.replayLsn)),
    replayLagBytes: standby(lag(optime, record.replayLsn)),
    paused: record.pause ?? false,
    pendingRestart: record.pendingRestart ?? false,
    pendingRestartReason: record.pendingRestartReason ?? null,
    scheduledRestart: record.scheduledRestart ?? null,
    tags: record.tags,
    drained: drainOf(view, member.name)?.note ?? null,
    answers: answer === undefined ? null : answer === null,
    answerError: answer ?? null,
    copiedPercent: null,
  }
}

/** The problem that its agent reports or, for a leader, a note in etcd that it should have removed. */
function problemOf(
  member: Member,
  view: ClusterView,
  { paused }: ClusterModes,
): Pick<MemberReport, 'problem' | 'problemId'> {
  const { name, record } = member
  const problem = saidText(record, 'problem')
  const isUnguarded =
    !paused && name === view.leader?.name && runsHactl(member) && guardOf(view, name) === 'no'
  if (problem !== null || !isUnguarded) return { problem, problemId: saidText(record, 'problem_id') }
  return { problem: UNGUARDED, problemId: 'unguarded' }
}

function warningText(id: string): string {
  return id === OPEN_API.id ? `${OPEN_API.text}. HINT: ${OPEN_API.hint}` : 'a newer hactl knows what it means'
}

const UNGUARDED =
  'it notes in etcd that nothing stops its server when its lease ends, though the cluster is not in maintenance mode'

function position(bytes: Lsn | null | undefined): Position | null {
  return bytes === null || bytes === undefined || bytes === 0n ? null : { lsn: formatLsn(bytes), bytes }
}

function lag(optime: Lsn | null, at: Lsn | undefined): Bytes | null {
  if (optime === null || at === undefined || at === 0n) return null
  return optime > at ? optime - at : 0n
}

/** `0` for a key without a lease, because scripts read that. */
function leaseText({ leaseId }: Pick<Member, 'leaseId'>): string {
  return leaseId ?? '0'
}
