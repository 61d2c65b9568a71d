// From what a case says to the Snapshot and the Memory that `decide` is asked about.

import { memberRecord } from '../../../src/decide/report/own-record.ts'
import type {
  ClusterView,
  FailoverRequest,
  HistoryLine,
  JsonObject,
  Member,
  Versioned,
} from '../../../src/model/cluster/cluster.ts'
import type { Divergence } from '../../../src/model/cluster/divergence.ts'
import { slotName } from '../../../src/model/cluster/slot-name.ts'
import { FIRST_MEMORY, type Memory } from '../../../src/model/decision/memory.ts'
import type { Self, Snapshot } from '../../../src/model/decision/snapshot.ts'
import { revision } from '../../../src/model/revision.ts'
import { type Seen, seen, unseen } from '../../../src/model/seen.ts'
import type { RecoverySettingsView } from '../../../src/model/server/postgres.ts'
import type { AgentConfig } from '../../../src/model/settings/config.ts'
import { fenceMarginMs } from '../../../src/model/timing.ts'
import type { MemberName } from '../../../src/model/units.ts'
import { PROTOCOL_VERSION } from '../../../src/model/versions.ts'
import { leadsPaused } from './build-guard.ts'
import { hactlKeys, noted } from './build-keys.ts'
import { buildLease } from './build-lease.ts'
import { buildPostgres, IDENTITY } from './build-postgres.ts'
import { type Draft, type MemberDraft, SYSTEM_IDENTIFIER } from './draft.ts'
import { failsafeKey, failsafeMemory, promisesOf } from './forms-failsafe.ts'
import { leaseOf, WALL_MS } from './forms-world.ts'

export interface Question {
  readonly snap: Snapshot
  readonly memory: Memory
}

export function build(draft: Draft): Question {
  const self = buildSelf(draft)
  const lease = { ...buildLease(draft), ...draft.reset }
  const members = draft.etcd.members.map(name => buildMember(name, draft))
  const memory = buildMemory(draft, members)
  const withMembers = (list: readonly Member[]): Snapshot => ({
    nowMs: draft.nowMs,
    wallMs: WALL_MS,
    startedAtMs: draft.nowMs - draft.startedAgoMs,
    self,
    settings: draft.settings,
    settingsConfirmed: draft.settingsConfirmed,
    configRevision: draft.configRevision === null ? null : revision(draft.configRevision),
    configuration: draft.configuration,
    cluster:
      draft.etcd.unknown === null
        ? seen(buildView(draft, list), draft.nowMs - draft.etcd.ageMs)
        : unseen(draft.etcd.unknown),
    lease,
    postgres: buildPostgres(draft),
    recovery: buildRecovery(draft),
    peers: draft.peers,
    promises: promisesOf(draft),
    divergence: buildDivergence(draft),
    timelineHistory: buildOwnHistory(draft),
    work: draft.work,
    finished: draft.finished,
    vitals: draft.vitals,
    fencer: { ...buildFencer(draft), ...draft.watched },
    stopRequested: draft.stopRequested,
    order: draft.order,
    outcomes: draft.outcomes,
  })
  const snap = withMembers(members)
  // The own member key is up to date unless the case describes it: a case is not about publishing it.
  const record = memberRecord({ snap, memory })
  const current = members.map(member =>
    member.name === draft.me && !draft.members.has(draft.me) ? { ...member, record } : member,
  )
  return { snap: withMembers(current), memory }
}

function buildSelf(draft: Draft): Self {
  const tags: AgentConfig['tags'] = {
    nofailover: false,
    failoverPriority: 1,
    clonefrom: false,
    noloadbalance: false,
    nosync: false,
    nostream: false,
    replicatefrom: null,
    published: {},
    ...draft.tags,
  }
  return {
    name: draft.me,
    connUrl: connUrl(draft.me),
    apiUrl: apiUrl(draft.me),
    proxyUrl: null,
    slot: slotName(draft.me),
    tags,
    mayBootstrap: true,
    useRewind: true,
    removeDataOnRewindFailure: false,
    removeDataOnDivergedTimelines: false,
    store: 'etcd',
    keyPrefix: '/service/demo/',
    ...draft.self,
  }
}

function connUrl(name: string): string {
  return `postgres://10.0.0.${Number(leaseOf(name)) - 100}:5432/postgres`
}

function apiUrl(name: string): string {
  return `http://10.0.0.${Number(leaseOf(name)) - 100}:8008/patroni`
}

function buildMember(name: MemberName, draft: Draft): Member {
  const said = draft.members.get(name) ?? {}
  const leads = draft.etcd.leader?.name === name
  const timeline = said.timeline ?? draft.postgres.timeline ?? 1
  const usual = name === draft.me ? (draft.leaseId ?? leaseOf(name)) : leaseOf(name)
  return {
    name,
    leaseId: said.leaseId === undefined ? usual : said.leaseId,
    modRevision: revision(said.changedAt ?? 30),
    record: {
      connUrl: said.connUrl === undefined ? connUrl(name) : null,
      apiUrl: said.apiUrl === undefined ? apiUrl(name) : null,
      state: said.state ?? 'running',
      role: said.role ?? (leads ? 'primary' : 'replica'),
      version: PROTOCOL_VERSION,
      ...(said.checkpointing === true ? { checkpointAfterPromote: false as const } : {}),
      tags: said.tags ?? {},
      ...(said.paused === true ? { pause: true } : {}),
      timeline,
      extra: extraOf(said),
    },
  }
}

function extraOf({ host, leaseTtl }: Partial<MemberDraft>): JsonObject {
  if (host === undefined && leaseTtl === undefined) return {}
  const ofHost = host === undefined ? {} : { host }
  return { hactl: { ...ofHost, ...(leaseTtl === undefined ? {} : { lease_ttl: leaseTtl }) } }
}

function buildView(draft: Draft, members: readonly Member[]): ClusterView {
  const { etcd } = draft
  const versioned = <T>(value: T, written: number): Versioned<T> => ({
    value,
    modRevision: revision(written),
  })
  const { request } = etcd
  return {
    revision: revision(etcd.revision),
    source: etcd.source,
    initialize: etcd.initialize === null ? null : versioned(etcd.initialize, etcd.initializeRevision),
    config: buildConfig(draft),
    leader: etcd.leader,
    lastLeader:
      etcd.lastLeader === null ? null : versioned(etcd.lastLeader === 'gave up' ? null : etcd.lastLeader, 40),
    ...hactlKeys(draft),
    members,
    status:
      etcd.optime === null && etcd.retainSlots.length === 0
        ? null
        : versioned({ optime: etcd.optime, slots: null, retainSlots: etcd.retainSlots }, 38),
    failover: request === null ? null : versioned(requestOf(request), 39),
    unreadable:
      etcd.unreadableRequest === null
        ? []
        : [{ key: 'failover' as const, modRevision: revision(39), why: etcd.unreadableRequest }],
    drains: etcd.drains,
    history: etcd.history === null ? null : versioned(etcd.history.map(noted), etcd.historyRevision),
    sync: etcd.sync === null ? null : versioned(etcd.sync, 37),
    failsafe: failsafeKey(draft),
  }
}

function buildConfig({ etcd, settings }: Draft): ClusterView['config'] {
  if (!etcd.config) return null
  const why = etcd.configUnusable
  const value =
    why === null ? { valid: true as const, document: settings.document } : { valid: false as const, why }
  return { value, modRevision: revision(etcd.changedAt) }
}

function buildRecovery({ recovery, postgres, nowMs }: Draft): Seen<RecoverySettingsView> {
  if (recovery === 'unknown') return unseen('the settings could not be read')
  if (recovery !== 'default') return seen(recovery, nowMs)
  return postgres.role === 'standby' && postgres.serverUnknown === null
    ? seen({ change: 'none', differing: [] }, nowMs)
    : unseen('the server is not a standby')
}

function buildDivergence({ divergence, postgres, nowMs }: Draft): Seen<Divergence> | null {
  if (divergence === null) return null
  if ('unknown' in divergence) return unseen(divergence.unknown)
  const { verdict, timeline, why } = divergence
  return seen(
    {
      verdict,
      ...(why === undefined ? {} : { why }),
      localTimeline: postgres.timeline ?? 1,
      localLsn: postgres.lsn,
      leaderTimeline: timeline,
      switchLsn: verdict === 'same' ? null : postgres.lsn - 0x60n,
    },
    nowMs,
  )
}

function buildOwnHistory({ ownHistory, nowMs, me }: Draft): Seen<readonly HistoryLine[]> {
  if (ownHistory === null) return unseen('not read')
  return seen(
    ownHistory.map(line => ({ ...noted(line), leader: me })),
    nowMs,
  )
}

/** By default a primary is guarded until a little before its lease ends, and nobody else. */
function buildFencer({
  fencer,
  postgres,
  leaderLeftMs,
  leaseTtlMs,
  nowMs,
  settings,
}: Draft): Snapshot['fencer'] {
  if (fencer !== null) {
    return {
      alive: fencer.alive,
      armedUntilMs: fencer.armedForMs === null ? null : nowMs + fencer.armedForMs,
      postmaster:
        fencer.armedForMs === null ? null : fencer.sameServer ? IDENTITY : { ...IDENTITY, pid: 1234 },
      formerMayAct: fencer.formerMayAct,
    }
  }
  const term = { ttlMs: Math.min(leaseTtlMs ?? settings.ttlMs, settings.ttlMs) }
  const guarded = leaderLeftMs !== null && postgres.role === 'primary' && postgres.process === 'running'
  return {
    alive: true,
    armedUntilMs: guarded ? nowMs + leaderLeftMs - fenceMarginMs(term) : null,
    postmaster: guarded ? IDENTITY : null,
    formerMayAct: false,
  }
}

/** A node that has been here for long: it joined, agrees with the leader, and needs every member's slot. */
function buildMemory(draft: Draft, members: readonly Member[]): Memory {
  const { postgres, etcd, nowMs, me } = draft
  const leader = etcd.leader?.name ?? null
  const follows = leader !== null && leader !== me
  const known = etcd.unknown === null
  return {
    ...FIRST_MEMORY,
    lastRole: postgres.directory === 'empty' ? null : postgres.role,
    lastLeader: known ? leader : null,
    lastLeaderRevision: known && leader !== null ? revision(40) : null,
    lastMembers: members,
    rejoin: 'follow',
    agreesWith: follows ? { leader, timeline: postgres.timeline ?? 1, untilLsn: null } : null,
    joined: true,
    joinedAs: SYSTEM_IDENTIFIER,
    sawCluster: true,
    wasPaused: draft.settings.paused,
    notedUnguarded: leadsPaused(draft) && etcd.guard === undefined,
    failsafe: failsafeMemory(draft),
    leaderlessSinceMs: known && leader === null ? nowMs : null,
    retainedSlots: members.map(({ name }) => ({
      slot: slotName(name),
      lastNeededMs: nowMs,
      lastNeededWall: 1_700_000_000_000,
      member: name,
    })),
    ...draft.memory,
  }
}

function requestOf({
  leader,
  candidate,
  at,
  begunBy,
  untilMs,
}: NonNullable<Draft['etcd']['request']>): FailoverRequest {
  const request = { leader, candidate, scheduledAt: at }
  if (begunBy === null && untilMs === null) return request
  return { ...request, note: { id: null, by: null, atMs: null, untilMs, begunBy } }
}
