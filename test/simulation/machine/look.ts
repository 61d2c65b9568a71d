// What a look at the simulated PostgreSQL shows, in the terms of the model: files, process, and the monitoring query.

import { seen, unseen } from '../../../src/model/seen.ts'
import type {
  DataDirectoryView,
  FormerView,
  PostgresView,
  ProcessView,
  ServerView,
  Unfinished,
  WalSenderView,
} from '../../../src/model/server/postgres.ts'
import type { ShutdownPosition } from '../../../src/model/server/progress.ts'
import type { DataDirectory } from './data-directory.ts'
import type { Machine } from './machine.ts'
import type { Postmaster } from './postmaster.ts'
import type { Receiver } from './receiver.ts'
import { historyOf } from './wal.ts'

type Readiness = Extract<ProcessView, { kind: 'running' }>['readiness']

/** `server` as the agent finds it. `answers` false: the query got no answer within its limit. */
export function lookAt(
  machine: Machine,
  server: Postmaster | null,
  atMs: number,
  { answers, sinceMs }: { readonly answers: boolean; readonly sinceMs: number },
): PostgresView {
  const former = formerView(machine, server, atMs)
  const dataDirectory = directoryView(machine, server, atMs)
  const syncFile = seen(server?.data.syncNames ?? machine.data?.syncNames ?? null, atMs)
  if (server === null)
    return {
      ...{ dataDirectory, former, syncFile },
      process: { kind: 'stopped' },
      server: unseen('PostgreSQL is not running'),
    }
  const readiness = readinessOf(server, answers)
  return {
    ...{ dataDirectory, former, syncFile },
    process: { kind: 'running', identity: server.identity, readiness, sinceMs },
    server: readiness === 'accepting' ? seen(serverView(server), atMs) : unseen(whyMute(server)),
  }
}

/** What /proc shows of servers outside the data directory, and the state directory of the last one. */
function formerView(machine: Machine, server: Postmaster | null, atMs: number): FormerView {
  const { lastServer } = machine
  const orphan = server === null ? machine.server : null
  const isFound = orphan !== null && (lastServer?.server === orphan || !orphan.data.nameless)
  const none = unseen('none is recorded')
  return {
    orphans: isFound
      ? seen([{ ...orphan.identity, directory: 'elsewhere' }], atMs)
      : server === null && lastServer === null
        ? none
        : seen([], atMs),
    sameData: lastServer === null ? none : seen(lastServer.data === machine.data, atMs),
    runsOutside: seen(server === null || server.data === machine.data ? null : 'elsewhere', atMs),
  }
}

export function readinessOf(server: Postmaster, answers: boolean): Readiness {
  if (server.frozen) return 'unknown'
  if (server.phase !== 'running') return 'rejecting'
  return answers ? 'accepting' : 'unknown'
}

function whyMute(server: Postmaster): string {
  if (server.phase === 'running' || server.frozen) return 'no answer within the limit'
  return `the database system is ${server.phase === 'starting' ? 'starting up' : 'shutting down'}`
}

/** A server that runs is asked what its control file says, wherever it works. */
function directoryView(
  { data, origins, children }: Machine,
  server: Postmaster | null,
  atMs: number,
): DataDirectoryView {
  const copying = children.size > 0
  if (data === null || (data.unfinishedBootstrap && !data.usable && !copying)) return { kind: 'empty' }
  return {
    kind: 'present',
    majorVersion: 150000,
    control: data.usable
      ? seen((server?.data ?? data).controlData(), atMs)
      : unseen('pg_controldata: could not open pg_control'),
    recoveryConfigured: data.recoveryConfigured,
    backupLabel: data.backupLabel,
    unfinished: unfinishedOf(data, copying),
    origins: seen(origins ?? data.origins, atMs),
    history: data.usable ? seen(historyOf(data.end), atMs) : unseen('the newest timeline is not known'),
  }
}

/** What a copy or a bootstrap that died with its agent has left is marked as such. */
function unfinishedOf(data: DataDirectory, working: boolean): Unfinished | null {
  if (data.unfinishedBootstrap) return 'bootstrap'
  if (working) return null
  return data.rewindBroken ? 'rewind' : data.usable ? null : 'copy'
}

function serverView(server: Postmaster): ServerView {
  const { data, inRecovery, receiver } = server
  const streams = receiver?.streaming === true
  return {
    version: 150004,
    inRecovery,
    timeline: data.timeline,
    position: data.lsn,
    receiveLsn: inRecovery && streams ? data.lsn : null,
    replayLsn: inRecovery ? data.lsn : null,
    replayPaused: false,
    replayTimestamp: null,
    walReceiver: streams
      ? { status: 'streaming', receivedTimeline: data.timeline, latestEndLsn: data.lsn }
      : null,
    restoreCommandSet: false,
    controlTimeline: data.checkpoint.timeline,
    startTime: '2026-11-22 09:00:00.000000+00:00',
    slots: [...data.slots.values()].map(({ name, restartLsn }) => ({
      name,
      kind: 'physical',
      active: isActive(server, name),
      restartLsn,
      confirmedFlushLsn: null,
      xmin: null,
      database: null,
      plugin: null,
      walStatus: 'reserved',
    })),
    replication: [...server.receivers].map(receiver => senderView(server, receiver)),
    synchronous: { standbyNames: server.sync.text, commit: 'on' },
    pendingRestart: {},
  }
}

function isActive(server: Postmaster, slot: string): boolean {
  return [...server.receivers].some(receiver => receiver.server.data.upstream?.slot === slot)
}

function senderView(server: Postmaster, receiver: Receiver): WalSenderView {
  const { flushLsn, syncState, syncPriority } = server.sync.standingOf(receiver)
  return {
    user: 'replicator',
    applicationName: receiver.server.machine.name,
    ...{ clientAddress: null, state: 'streaming', syncState, syncPriority },
    ...{ writeLsn: flushLsn, flushLsn, replayLsn: flushLsn },
  }
}

/** As the history file of a timeline says it. */
export function datedHistory(data: DataDirectory | null, timeline: number, atMs: number) {
  if (data === null || data.timeline !== timeline) return unseen(`no history of timeline ${timeline}`)
  const lines = historyOf(data.end).map(line => ({
    ...line,
    reason: 'no recovery target specified',
    atIso: '2026-11-22T09:00:00.000000+00:00',
  }))
  return seen(lines, atMs)
}

/** Where a stopped primary wrote its last record; null: it did not say, or other data has the name of the directory now. */
export function positionOf(
  { data, lastServer }: Machine,
  stopped: Postmaster | null,
): ShutdownPosition | null {
  const workedOn = stopped?.data ?? lastServer?.data ?? data
  if (data === null || workedOn !== data || data.state !== 'shut down') return null
  return { checkpointLsn: data.checkpoint.lsn, previousLsn: data.checkpoint.lsn }
}
