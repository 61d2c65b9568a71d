// What one case of a decision file says about the world, before it becomes a Snapshot and a Memory. The defaults are a
// healthy cluster of pg1, pg2 and pg3, so that a case names only what is special about it.

import { defaultSettings } from '../../../src/config/dynamic.ts'
import type { LeaderKey, SyncState } from '../../../src/model/cluster/cluster.ts'
import type { Divergence } from '../../../src/model/cluster/divergence.ts'
import type { Drain } from '../../../src/model/cluster/drained-member.ts'
import type { PeerView } from '../../../src/model/cluster/peer.ts'
import type { TakeoverCause } from '../../../src/model/cluster/takeover.ts'
import type { Memory } from '../../../src/model/decision/memory.ts'
import type { Order } from '../../../src/model/decision/order.ts'
import type { Outcome } from '../../../src/model/decision/outcome.ts'
import type { LeaseView, Self, Snapshot } from '../../../src/model/decision/snapshot.ts'
import type { FinishedWork, Work } from '../../../src/model/decision/work.ts'
import type { Seen } from '../../../src/model/seen.ts'
import type { Unfinished } from '../../../src/model/server/postgres.ts'
import type { VitalsView } from '../../../src/model/server/vitals.ts'
import type { ConfigurationView } from '../../../src/model/settings/configuration-view.ts'
import type { DynamicSettings } from '../../../src/model/settings/dynamic-settings.ts'
import type { BootMillis, Lsn, MemberName, Millis } from '../../../src/model/units.ts'
import { APPLIED } from '../../applied.ts'
import { type FailsafeDraft, NO_FAILSAFE } from './forms-failsafe.ts'

export type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Ten digits at least, as PostgreSQL's; every node of the cluster has it unless a case says otherwise. */
export const SYSTEM_IDENTIFIER = '7000000000000000001'
export const DEFAULT_LSN: Lsn = 0x3000148n

export interface SwitchText {
  readonly timeline: number
  readonly lsn: Lsn
  /** Who left it for the next one. */
  readonly by?: MemberName
  /** For which timeline, if not the next one. */
  readonly to?: number
}

export interface MemberDraft {
  /** Revision of its key. */
  changedAt: number
  name: MemberName
  role: string | null
  state: string
  timeline: number
  tags: Record<string, string | number | boolean>
  checkpointing: boolean
  paused: boolean
  apiUrl: boolean
  connUrl: boolean
  /** Lease that the key hangs on; default: every member's own. */
  leaseId: string | null
  /** Seconds for which its lease was made, as it says itself. */
  leaseTtl: number
  /** Who wrote it. */
  host: string
}

export interface EtcdDraft {
  unknown: string | null
  revision: number
  source: 'read' | 'watch'
  /** How long ago it was read. */
  ageMs: number
  leader: Writable<LeaderKey> | null
  /** The record that outlives the leader key; `gave up`: it was released in good order. */
  lastLeader: MemberName | 'gave up' | null
  /** What the leader says of its guard; undefined: in maintenance mode this node has noted that it has none, else nothing. */
  guard: { leader: MemberName; guarded: boolean; modRevision: number } | null | undefined
  initialize: string | null
  initializeRevision: number
  config: boolean
  /** The configuration was changed last at this revision. */
  changedAt: number
  /** Why nobody can use it; null: it can be used. */
  configUnusable: string | null
  members: MemberName[]
  optime: Lsn | null
  retainSlots: string[]
  sync: SyncState | null
  history: SwitchText[] | null
  historyRevision: number
  /** The last one that is noted; null: none. */
  takeover: { from: MemberName; to: MemberName; cause: TakeoverCause; settled: boolean } | null
  /** The timeline numbers that were handed out, the highest last. */
  promotions: { timeline: number; by: MemberName }[]
  request: {
    leader: MemberName | null
    candidate: MemberName | null
    at: { text: string; wallMs: number | null } | null
    /** Who began it; when it ends. Both null: Patroni's own. */
    begunBy: MemberName | null
    untilMs: number | null
  } | null
  /** Why the failover key cannot be honoured. */
  unreadableRequest: string | null
  drains: Drain[]
}

export interface PostgresDraft {
  directory: 'present' | 'empty' | 'inaccessible'
  /** In an empty one. */
  obstacle?: string
  directoryWhy: string
  process: 'running' | 'stopped'
  readiness: 'accepting' | 'rejecting' | 'no-response' | 'unknown'
  sinceMs: BootMillis
  /** null: the server answered; text: why it did not. */
  serverUnknown: string | null
  role: 'primary' | 'standby'
  timeline: number | null
  controlTimeline: number | null
  lsn: Lsn
  controlState: string | null
  controlUnknown: string | null
  systemIdentifier: string
  /** null: by role. */
  recoveryConfigured: boolean | null
  backupLabel: boolean
  unfinished: Unfinished | null
  /** Pids of server processes outside the data directory; text: why they are not known. */
  orphans: readonly number[] | string
  /** text: why it is not known. */
  sameData: boolean | string
  /** null: the running server works in the data directory. */
  runsOutside: string | null
  unfinishedBackup: boolean
  checksums: boolean
  replayPaused: boolean
  streaming: boolean
  archive: boolean
  settingsTooLow: boolean
  /** What it noted of its timelines; null: it could not be read. */
  origins: { timeline: number; lsn: Lsn; by: MemberName }[] | 'not looked for' | null
  asked: { timeline: number; lsn: Lsn } | null
  /** Who streams from it when it is a primary (`pg2`, `pg2:startup` in another state); null: every other member. */
  streamsTo: string[] | null
  /** synchronous_standby_names in force; null: not queried. */
  waitsFor: string | null
  /** What hactl's own file says; undefined: the same. */
  syncFile: string | null | undefined
  history: SwitchText[] | null
  idleSlots: string[]
  slotsMax: number | null
  /** Members that have none here. */
  withoutSlots: string[]
  usedSlots: string[]
}

export interface Draft {
  me: MemberName
  nowMs: BootMillis
  startedAgoMs: Millis
  settings: Writable<DynamicSettings>
  settingsConfirmed: boolean
  configRevision: number | null
  configuration: ConfigurationView
  self: Partial<Writable<Self>>
  tags: Partial<Writable<Self['tags']>>
  etcd: EtcdDraft
  members: Map<MemberName, Partial<MemberDraft>>
  /** Leadership left; null: not leader. */
  leaderLeftMs: Millis | null
  /** Own lease; null: none was ever granted. undefined: the one that the member key hangs on. */
  leaseId: string | null | undefined
  /** `ttl` that the own lease was made for; null: the one in force. */
  leaseTtlMs: Millis | null
  postgres: PostgresDraft
  recovery: { change: 'none' | 'reload' | 'restart'; differing: string[] } | 'default' | 'unknown'
  peers: Map<MemberName, Seen<PeerView>> | null
  divergence: { verdict: Divergence['verdict']; timeline: number; why?: string } | { unknown: string } | null
  ownHistory: SwitchText[] | null
  work: Writable<Work> | null
  finished: Writable<FinishedWork> | null
  fencer: { alive: boolean; armedForMs: Millis | null; sameServer: boolean; formerMayAct: boolean } | null
  vitals: Writable<VitalsView>
  /** What the watchdog adds to the facts of the fencer and of the lease. */
  watched: Partial<Writable<Pick<Snapshot['fencer'], 'watchdog' | 'device'>>>
  reset: Pick<LeaseView, 'resetAfterMs'>
  stopRequested: boolean
  order: Order | null
  outcomes: Outcome[]
  failsafe: FailsafeDraft
  memory: Partial<Writable<Memory>>
}

export function newDraft(me: MemberName): Draft {
  return {
    me,
    nowMs: 1_000_000,
    startedAgoMs: 600_000,
    settings: { ...defaultSettings(), document: { ttl: 30 } },
    settingsConfirmed: true,
    configRevision: 3,
    configuration: APPLIED,
    self: {},
    tags: {},
    etcd: {
      unknown: null,
      revision: 41,
      source: 'read',
      ageMs: 0,
      leader: null,
      initialize: SYSTEM_IDENTIFIER,
      initializeRevision: 2,
      lastLeader: null,
      guard: undefined,
      config: true,
      changedAt: 3,
      configUnusable: null,
      members: ['pg1', 'pg2', 'pg3'],
      optime: null,
      retainSlots: [],
      sync: null,
      history: null,
      historyRevision: 20,
      takeover: null,
      promotions: [],
      request: null,
      unreadableRequest: null,
      drains: [],
    },
    members: new Map(),
    leaderLeftMs: null,
    leaseId: undefined,
    leaseTtlMs: null,
    postgres: defaultPostgres(),
    recovery: 'default',
    peers: null,
    divergence: null,
    ownHistory: null,
    work: null,
    finished: null,
    fencer: null,
    vitals: {
      knocks: { unansweredSinceMs: null, asked: 'connection', unansweredTotalMs: 0 },
      disks: [],
      failingTotalMs: 0,
    },
    watched: {},
    reset: {},
    stopRequested: false,
    order: null,
    outcomes: [],
    failsafe: NO_FAILSAFE,
    memory: {},
  }
}

function defaultPostgres(): PostgresDraft {
  return {
    directory: 'present',
    directoryWhy: '',
    process: 'running',
    readiness: 'accepting',
    sinceMs: 100_000,
    serverUnknown: null,
    role: 'standby',
    timeline: 1,
    controlTimeline: null,
    lsn: DEFAULT_LSN,
    controlState: null,
    controlUnknown: null,
    systemIdentifier: SYSTEM_IDENTIFIER,
    recoveryConfigured: null,
    backupLabel: false,
    unfinished: null,
    orphans: [],
    sameData: true,
    runsOutside: null,
    unfinishedBackup: false,
    checksums: true,
    replayPaused: false,
    archive: false,
    settingsTooLow: false,
    origins: 'not looked for',
    asked: null,
    streaming: true,
    streamsTo: null,
    waitsFor: null,
    syncFile: undefined,
    history: null,
    idleSlots: [],
    slotsMax: null,
    withoutSlots: [],
    usedSlots: [],
  }
}
