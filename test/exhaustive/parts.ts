// The values that each part of a small world can have, frozen to the bottom: a rule that changed its input would throw.
// `pg1` is this node, `pg2` the other one; times are seconds around NOW, positions a few bytes apart.

import { defaultSettings } from '../../src/config/dynamic.ts'
import type { ClusterView, LeaderKey, Member } from '../../src/model/cluster/cluster.ts'
import type { PeerView } from '../../src/model/cluster/peer.ts'
import { FIRST_MEMORY, type Memory } from '../../src/model/decision/memory.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import type { ControlData, PostgresView, ServerView } from '../../src/model/server/postgres.ts'
import type { DynamicSettings } from '../../src/model/settings/dynamic-settings.ts'
import type { LeaseId, MemberName } from '../../src/model/units.ts'
import { APPLIED } from '../applied.ts'
import { fencers, IDENTITY } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER, OWN_IDENTIFIER, TTL, WALL } from './frozen.ts'
import { noLease } from './proofs.ts'

const LSN = 0x3000148n

export interface World {
  readonly snap: Snapshot
  readonly memory: Memory
}

export const settings: DynamicSettings = frozen({ ...defaultSettings(), ttlMs: TTL, document: { ttl: 30 } })

export const self: Snapshot['self'] = frozen({
  name: ME,
  connUrl: 'postgres://10.0.0.1:5432/postgres',
  apiUrl: 'http://10.0.0.1:8008/patroni',
  proxyUrl: null,
  store: 'etcd' as const,
  slot: ME,
  tags: {
    nofailover: false,
    failoverPriority: 1,
    clonefrom: false,
    noloadbalance: false,
    nosync: false,
    nostream: false,
    replicatefrom: null,
    published: {},
  },
  mayBootstrap: true,
  useRewind: true,
  removeDataOnRewindFailure: false,
  removeDataOnDivergedTimelines: false,
})

export function member(name: MemberName, role: string, more: Partial<Member['record']> = {}): Member {
  const host = `10.0.0.${name.slice(2)}`
  return frozen({
    name,
    leaseId: `10${name.slice(2)}`,
    modRevision: revision(30),
    record: {
      connUrl: `postgres://${host}:5432/postgres`,
      apiUrl: `http://${host}:8008/patroni`,
      state: 'running',
      role,
      version: '4.1.5',
      tags: {},
      timeline: 1,
      extra: {},
      ...more,
    },
  })
}

export function leaderKey(name: MemberName, leaseId: LeaseId | null = `10${name.slice(2)}`): LeaderKey {
  return frozen({ name, leaseId, modRevision: revision(40) })
}

export function view(more: Partial<ClusterView>): Seen<ClusterView> {
  const leader = more.leader ?? null
  return frozen(
    seen(
      {
        revision: revision(41),
        source: 'read' as const,
        initialize: { value: OWN_IDENTIFIER, modRevision: revision(2) },
        config: { value: { valid: true as const, document: { ttl: 30 } }, modRevision: revision(3) },
        leader,
        lastLeader: null,
        members: [
          member(ME, leader?.name === ME ? 'primary' : 'replica'),
          member(OTHER, leader?.name === OTHER ? 'primary' : 'replica'),
        ],
        status: null,
        failover: null,
        history: null,
        sync: null,
        failsafe: null,
        ...more,
      },
      NOW,
    ),
  )
}

export const clusters = {
  unknown: frozen(unseen('no quorum')),
  nobody: view({}),
  otherLed: view({ lastLeader: { value: OTHER, modRevision: revision(40) } }),
  me: view({ leader: leaderKey(ME) }),
  meBefore: view({ leader: leaderKey(ME, '99') }),
  other: view({ leader: leaderKey(OTHER) }),
  otherStands: view({ leader: leaderKey(OTHER), members: [member(ME, 'primary'), member(OTHER, 'replica')] }),
}

const controlData: ControlData = {
  systemIdentifier: OWN_IDENTIFIER,
  state: 'in production',
  checkpointLsn: LSN,
  checkpointTimeline: 1,
  minRecoveryLsn: 0n,
  minRecoveryTimeline: 0,
  walLogHints: false,
  dataChecksums: true,
  settings: {
    maxConnections: 100,
    maxWorkerProcesses: 8,
    maxWalSenders: 10,
    maxPreparedTransactions: 0,
    maxLocksPerTransaction: 64,
  },
}

type Directory = PostgresView['dataDirectory']
type Present = Extract<Directory, { kind: 'present' }>

function directory(standby: boolean, change: Partial<ControlData> | null, beside: Partial<Present> = {}) {
  return frozen<Present>({
    kind: 'present',
    majorVersion: 150_000,
    control: change === null ? unseen('I/O error') : seen({ ...controlData, ...change }, NOW),
    recoveryConfigured: standby,
    backupLabel: false,
    unfinished: null,
    history: seen([], NOW),
    ...beside,
  })
}

export const directories = {
  empty: frozen({ kind: 'empty' }) satisfies Directory,
  blocked: frozen({ kind: 'empty', obstacle: '/data holds lost+found' }) satisfies Directory,
  inaccessible: frozen({ kind: 'inaccessible', why: 'I/O error' }) satisfies Directory,
  primary: directory(false, {}),
  primaryClean: directory(false, { state: 'shut down' }),
  primaryNoChecksums: directory(false, { dataChecksums: false }),
  standby: directory(true, { state: 'shut down in recovery' }),
  copy: directory(true, { state: 'in archive recovery' }, { backupLabel: true }),
  unreadablePrimary: directory(false, null),
  unreadableStandby: directory(true, null),
  unfinished: directory(false, {}, { unfinished: 'bootstrap' }),
  halfCopied: directory(true, null, { unfinished: 'copy' }),
  foreign: directory(false, { systemIdentifier: '7000000000000000999' }),
}

type Readiness = 'accepting' | 'rejecting' | 'no-response' | 'unknown'

export function running(readiness: Readiness, forMs = 100_000): PostgresView['process'] {
  return frozen({ kind: 'running', identity: IDENTITY, readiness, sinceMs: NOW - forMs })
}

export const stopped: PostgresView['process'] = frozen({ kind: 'stopped' })
export const silent: PostgresView['server'] = frozen(unseen('timeout'))

const OTHER_STREAMS = {
  ...{ user: 'replicator', applicationName: OTHER, clientAddress: null },
  ...{ state: 'streaming', syncState: 'async', syncPriority: 0 },
}

export function server(inRecovery: boolean, more: Partial<ServerView> = {}): PostgresView['server'] {
  return frozen(
    seen(
      {
        version: 150_010,
        inRecovery,
        timeline: 1,
        position: LSN,
        receiveLsn: inRecovery ? LSN : null,
        replayLsn: inRecovery ? LSN : null,
        replayPaused: false,
        replayTimestamp: null,
        walReceiver: null,
        restoreCommandSet: false,
        controlTimeline: 1,
        startTime: '',
        slots: [],
        replication: inRecovery ? [] : [OTHER_STREAMS],
        pendingRestart: {},
        ...more,
      },
      NOW,
    ),
  )
}

/** When the leader key changed hands last. */
const MOVED = NOW - 500

export function peer(more: Partial<PeerView> = {}, atMs = NOW): Seen<PeerView> {
  return seen(
    {
      state: 'running',
      role: 'replica',
      runsAsPrimary: false,
      position: LSN,
      timeline: 1,
      nofailover: false,
      failoverPriority: 1,
      watchdogFailed: false,
      offHistory: false,
      paused: false,
      ...more,
    },
    atMs,
  )
}

const answers = (answer: Seen<PeerView>): Snapshot['peers'] => frozen(new Map([[OTHER, answer]]))

export const peers = {
  notAsked: null,
  nobody: frozen(new Map()) satisfies Snapshot['peers'],
  silent: answers(unseen('connect timeout')),
  equal: answers(peer()),
  ahead: answers(peer({ position: LSN + 8n })),
  behind: answers(peer({ position: LSN - 8n })),
  primary: answers(peer({ runsAsPrimary: true, role: 'primary' })),
  newerPrimary: answers(peer({ runsAsPrimary: true, role: 'primary', timeline: 2 })),
  nofailover: answers(peer({ position: LSN + 8n, nofailover: true })),
  earlier: answers(peer({}, MOVED - 500)),
}

export const memory: Memory = frozen({
  ...FIRST_MEMORY,
  joined: true,
  sawCluster: true,
  rejoin: 'follow',
  leaderMovedAtMs: MOVED,
  lastMembers: [member(ME, 'replica'), member(OTHER, 'replica')],
})

/** A handover of which PostgreSQL was stopped `agoMs` ago; null: it is still stopping. */
export function handover(agoMs: number | null): Memory['handover'] {
  return frozen({
    candidate: OTHER,
    startedAtMs: NOW - 8000,
    requestRevision: revision(39),
    position: agoMs === null ? null : { checkpointLsn: LSN, previousLsn: LSN - 0x28n },
    stoppedAtMs: agoMs === null ? null : NOW - agoMs,
  })
}

export const base: Snapshot = frozen({
  nowMs: NOW,
  wallMs: WALL,
  startedAtMs: NOW - 600_000,
  self,
  settings,
  settingsConfirmed: true,
  configRevision: revision(3),
  configuration: APPLIED,
  cluster: clusters.nobody,
  lease: noLease,
  postgres: {
    dataDirectory: directories.standby,
    process: running('accepting'),
    server: server(true),
    former: formers.nothing,
  },
  recovery: seen({ change: 'none' as const, differing: [] }, NOW),
  peers: null,
  divergence: null,
  timelineHistory: unseen('not read'),
  work: null,
  finished: null,
  fencer: fencers.idle,
  stopRequested: false,
  outcomes: [],
})
