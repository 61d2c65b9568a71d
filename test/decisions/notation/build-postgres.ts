// What a look at the local PostgreSQL of a case saw: directory, process, server, slots.

import { slotName } from '../../../src/model/cluster/slot-name.ts'
import { type Seen, seen, unseen } from '../../../src/model/seen.ts'
import type { Origins } from '../../../src/model/server/origins.ts'
import type { PostgresView, ServerView, SlotView } from '../../../src/model/server/postgres.ts'
import { parseSyncNames } from '../../../src/wire/sync-names.ts'
import type { Draft } from './draft.ts'
import { readPosition } from './units.ts'

export const IDENTITY = { pid: 4711, startTicks: '990' }

export function buildPostgres(draft: Draft): PostgresView {
  const { postgres, nowMs } = draft
  const { directory, obstacle, role, timeline } = postgres
  const running = postgres.process === 'running'
  return {
    dataDirectory:
      directory === 'present'
        ? buildDirectory(draft)
        : directory === 'empty'
          ? { kind: 'empty', ...(obstacle === undefined ? {} : { obstacle }) }
          : { kind: 'inaccessible', why: postgres.directoryWhy },
    process: running
      ? {
          kind: 'running',
          identity: IDENTITY,
          readiness: postgres.readiness,
          sinceMs: nowMs - postgres.sinceMs,
        }
      : { kind: 'stopped' },
    server:
      postgres.serverUnknown === null
        ? seen(buildServer(draft, role, timeline), nowMs)
        : unseen(postgres.serverUnknown),
    former: {
      orphans:
        typeof postgres.orphans === 'string'
          ? unseen(postgres.orphans)
          : seen(
              postgres.orphans.map(pid => ({ pid, startTicks: '17', directory: '/old/data' })),
              nowMs,
            ),
      sameData:
        typeof postgres.sameData === 'string' ? unseen(postgres.sameData) : seen(postgres.sameData, nowMs),
      runsOutside: seen(postgres.runsOutside, nowMs),
    },
    ...buildSyncFile(draft),
  }
}

function buildDirectory({ postgres, nowMs }: Draft): PostgresView['dataDirectory'] {
  const { role, lsn } = postgres
  const running = postgres.process === 'running'
  const state = running
    ? role === 'primary'
      ? 'in production'
      : 'in archive recovery'
    : role === 'primary'
      ? 'shut down'
      : 'shut down in recovery'
  const timeline = postgres.controlTimeline ?? postgres.timeline ?? 1
  return {
    kind: 'present',
    majorVersion: 150_000,
    control:
      postgres.controlUnknown === null
        ? seen(
            {
              systemIdentifier: postgres.systemIdentifier,
              state: postgres.controlState ?? state,
              checkpointLsn: role === 'primary' ? lsn : lsn - 0x100n,
              checkpointTimeline: timeline,
              minRecoveryLsn: role === 'primary' ? 0n : lsn,
              minRecoveryTimeline: role === 'primary' ? 0 : timeline,
              walLogHints: false,
              dataChecksums: postgres.checksums,
              ...(postgres.unfinishedBackup ? { unfinishedBackup: true } : {}),
              settings: IN_FORCE,
            },
            nowMs,
          )
        : unseen(postgres.controlUnknown),
    recoveryConfigured: postgres.recoveryConfigured ?? role === 'standby',
    backupLabel: postgres.backupLabel,
    unfinished: postgres.unfinished,
    ...buildOrigins(postgres, nowMs),
    history:
      postgres.history === null && timeline > 1
        ? unseen('no such file')
        : seen(postgres.history ?? [], nowMs),
  }
}

const IN_FORCE = {
  maxConnections: 100,
  maxWorkerProcesses: 8,
  maxWalSenders: 10,
  maxPreparedTransactions: 0,
  maxLocksPerTransaction: 64,
}

function buildOrigins(
  { origins, asked, systemIdentifier }: Draft['postgres'],
  nowMs: number,
): { readonly origins?: Seen<Origins | null> } {
  if (origins === 'not looked for') return {}
  if (origins === null) return { origins: unseen('the disk is slow') }
  if (origins.length === 0 && asked === null) return { origins: seen(null, nowMs) }
  const timelines = origins.map(({ timeline, lsn, by }) => ({ timeline, at: lsn, by }))
  const promotion = asked === null ? null : { from: asked.timeline, at: asked.lsn }
  return { origins: seen({ systemIdentifier, timelines, asked: promotion }, nowMs) }
}

function buildServer(draft: Draft, role: 'primary' | 'standby', timeline: number | null): ServerView {
  const { lsn, controlTimeline, replayPaused, idleSlots, usedSlots } = draft.postgres
  const standby = role === 'standby'
  return {
    version: 150_010,
    inRecovery: standby,
    timeline,
    position: lsn,
    receiveLsn: standby ? lsn : null,
    replayLsn: standby ? lsn : null,
    replayPaused,
    replayTimestamp: null,
    walReceiver:
      standby && draft.postgres.streaming
        ? { status: 'streaming', receivedTimeline: timeline, latestEndLsn: lsn }
        : null,
    restoreCommandSet: draft.postgres.archive,
    inForce: { ...IN_FORCE, ...(draft.postgres.settingsTooLow ? { maxConnections: 50 } : {}) },
    controlTimeline: controlTimeline ?? timeline,
    startTime: '2026-01-01 00:00:00+00',
    slots: [
      ...draft.etcd.members
        .filter(name => name !== draft.me && !draft.postgres.withoutSlots.includes(name))
        .map(name => slot(slotName(name), lsn, true)),
      ...usedSlots.map(name => slot(name, lsn, true)),
      ...idleSlots.map(name => slot(name, lsn, false)),
    ],
    ...(draft.postgres.slotsMax === null ? {} : { slotRoom: { max: draft.postgres.slotsMax, temporary: 0 } }),
    replication: standby ? [] : sendersOf(draft),
    pendingRestart: {},
    ...(draft.postgres.waitsFor === null
      ? {}
      : { synchronous: { standbyNames: draft.postgres.waitsFor, commit: 'on' } }),
  }
}

/** `pg2`, `pg2:startup` in another state, `pg2@0/2000000` at another position than the primary. */
function sendersOf({ etcd, me, postgres }: Draft): ServerView['replication'] {
  const names = postgres.streamsTo ?? etcd.members.filter(name => name !== me)
  const inForce = parseSyncNames(postgres.waitsFor ?? '')
  return names.map(text => {
    const [, applicationName = '', state = 'streaming', at] =
      /^([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(text) ?? []
    const lsn = at === undefined ? postgres.lsn : readPosition(at)
    const rank = inForce.names.indexOf(applicationName)
    const listed = inForce.kind === 'quorum' ? 'quorum' : rank < inForce.count ? 'sync' : 'potential'
    return {
      user: 'replicator',
      ...{ applicationName, state, clientAddress: null },
      ...{ syncState: rank === -1 ? 'async' : listed, syncPriority: rank + 1 },
      ...(postgres.waitsFor === null ? {} : { writeLsn: lsn, flushLsn: lsn, replayLsn: lsn }),
    }
  })
}

function buildSyncFile({ postgres, nowMs }: Draft): Pick<PostgresView, 'syncFile'> {
  const { waitsFor, syncFile } = postgres
  if (waitsFor === null) return {}
  if (syncFile === 'being written') return { syncFile: unseen('synchronous_standby_names is being written') }
  return { syncFile: seen((syncFile === undefined ? waitsFor : syncFile) || null, nowMs) }
}

function slot(name: string, restartLsn: bigint, active: boolean): SlotView {
  return {
    name,
    kind: 'physical',
    active,
    restartLsn,
    confirmedFlushLsn: null,
    xmin: null,
    database: null,
    plugin: null,
    walStatus: 'reserved',
  }
}
