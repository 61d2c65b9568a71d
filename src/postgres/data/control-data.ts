// The control file: pg_controldata's text (spec/postgres.md 1.13), and its state word read straight from the file,
// which is cheap enough to be polled while a server shuts down.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import type { ClusterStateText, ControlData } from '../../model/server/postgres.ts'
import { type Lsn, type Millis, parseLsn } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { failureOf } from '../../system/child-process.ts'
import type { Programs } from '../server/programs.ts'

const CONTROL_DATA_LIMIT_MS = 5000

/** The output of pg_controldata, and the name of the WAL file with the checkpoint's redo position. */
type ControlFile = ControlData & { readonly redoWalFile: string | null }

export async function readControlData(
  programs: Programs,
  clock: Clock,
  dataDir: string,
  limitMs: Millis = CONTROL_DATA_LIMIT_MS,
): Promise<Seen<ControlFile>> {
  const atMs = clock.bootMs()
  const result = await programs.run('pg_controldata', [dataDir], { timeoutMs: limitMs, graceMs: 100 })
  const failed = failureOf('pg_controldata', result)
  if (failed !== null) return unseen(failed)
  const control = parseControlData(result.stdout)
  return control === null ? unseen('pg_controldata printed no usable control data') : seen(control, atMs)
}

/** Null when an essential value is missing; lines without a colon (warnings) are skipped. */
export function parseControlData(text: string): ControlFile | null {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    values.set(line.slice(0, colon).replace('Current ', '').trim(), line.slice(colon + 1).trim())
  }
  const systemIdentifier = values.get('Database system identifier')
  const state = values.get('Database cluster state')
  const checkpointLsn = lsnOf(values.get('Latest checkpoint location'))
  const checkpointTimeline = numberOf(values.get("Latest checkpoint's TimeLineID"))
  if (systemIdentifier === undefined || !/^\d{10,20}$/.test(systemIdentifier)) return null
  if (state === undefined || checkpointLsn === null || checkpointTimeline === null) return null
  return {
    systemIdentifier,
    state,
    checkpointLsn,
    checkpointTimeline,
    minRecoveryLsn: lsnOf(values.get('Minimum recovery ending location')) ?? 0n,
    minRecoveryTimeline: numberOf(values.get("Min recovery ending loc's timeline")) ?? 0,
    walLogHints: values.get('wal_log_hints setting') === 'on',
    ...(isUnfinished(values.get('Backup start location')) ? { unfinishedBackup: true } : {}),
    dataChecksums: (numberOf(values.get('Data page checksum version')) ?? 0) !== 0,
    settings: {
      maxConnections: numberOf(values.get('max_connections setting')),
      maxWorkerProcesses: numberOf(values.get('max_worker_processes setting')),
      maxWalSenders: numberOf(values.get('max_wal_senders setting')),
      maxPreparedTransactions: numberOf(values.get('max_prepared_xacts setting')),
      maxLocksPerTransaction: numberOf(values.get('max_locks_per_xact setting')),
    },
    redoWalFile: values.get("Latest checkpoint's REDO WAL file") ?? null,
  }
}

/** Set from the backup_label of a copy, or of a rewind, until the replay has reached the end of that. */
function isUnfinished(backupStart: string | undefined): boolean {
  return (lsnOf(backupStart) ?? 0n) !== 0n
}

function lsnOf(text: string | undefined): Lsn | null {
  return text === undefined ? null : parseLsn(text)
}

function numberOf(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null
}

/** DBState of pg_control.h, in its order; unchanged since PostgreSQL 9.1. */
const STATES: readonly ClusterStateText[] = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
]
/** system_identifier (8 bytes), pg_control_version (4), catalog_version_no (4), then the state (4). */
const STATE_OFFSET = 16

/** A hint only, to be confirmed by pg_controldata: null when the file cannot be read or holds an unknown state. */
export async function peekClusterState(dataDir: string): Promise<ClusterStateText | null> {
  const file = await open(join(dataDir, 'global', 'pg_control'), 'r').catch(() => null)
  if (file === null) return null
  try {
    const bytes = Buffer.alloc(STATE_OFFSET + 4)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead < bytes.length) return null
    return STATES[bytes.readInt32LE(STATE_OFFSET)] ?? null
  } catch {
    return null
  } finally {
    await file.close().catch(() => {})
  }
}
