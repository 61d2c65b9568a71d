// The one query of a look (spec/postgres.md 1.16): everything that a beat needs to know about a running server, in one
// round trip, with every function schema-qualified so that no search path can change the result.

import type {
  ControlData,
  ServerView,
  SlotView,
  WalReceiver,
  WalSenderView,
} from '../../model/server/postgres.ts'
import { type Lsn, maxLsn, parseLsn, type Timeline } from '../../model/units.ts'
import type { Row } from './connection.ts'

/** Results of the query beyond ServerView: the moving part of the control file. */
export interface Monitored {
  readonly server: ServerView
  readonly systemIdentifier: string
  readonly checkpointLsn: Lsn
  readonly checkpointTimeline: Timeline
  readonly minRecoveryLsn: Lsn
  readonly minRecoveryTimeline: Timeline
  /** When the server last read its settings, and whether it reports that one of them waits for a restart. */
  readonly settingsRead: string
}

/** Settings that must be at least as large on a standby as on its primary, by their names in the model. */
const STANDBY_LIMITS = {
  maxConnections: 'max_connections',
  maxWorkerProcesses: 'max_worker_processes',
  maxWalSenders: 'max_wal_senders',
  maxPreparedTransactions: 'max_prepared_transactions',
  maxLocksPerTransaction: 'max_locks_per_transaction',
} as const

/**
 * `majorVersion` as in PG_VERSION (150000). Without slots and senders where those do not exist yet: from 12 on, all.
 */
export function monitoringQuery(majorVersion: number): string {
  const written = majorVersion >= 130000 ? 'r.written_lsn' : 'NULL::pg_catalog.pg_lsn'
  const walStatus = majorVersion >= 130000 ? 's.wal_status' : 'NULL'
  const time = (value: string) => `pg_catalog.to_char(${value}, 'YYYY-MM-DD HH24:MI:SS.USTZH:TZM')`
  return `SELECT i.recovering,
  pg_catalog.current_setting('server_version_num') AS version,
  CASE WHEN i.recovering THEN NULL ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END AS wal_file,
  CASE WHEN i.recovering THEN NULL ELSE pg_catalog.pg_current_wal_flush_lsn() END::text AS flush_lsn,
  pg_catalog.pg_last_wal_replay_lsn()::text AS replay_lsn,
  pg_catalog.pg_last_wal_receive_lsn()::text AS receive_lsn,
  ${written}::text AS written_lsn,
  CASE WHEN i.recovering THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END AS replay_paused,
  ${time('pg_catalog.pg_last_xact_replay_timestamp()')} AS replay_timestamp,
  ${time('pg_catalog.pg_postmaster_start_time()')} AS start_time,
  r.status AS receiver_status, r.received_tli, r.latest_end_lsn::text AS latest_end_lsn,
  pg_catalog.current_setting('restore_command') <> '' AS restore_command_set,
  ${Object.values(STANDBY_LIMITS)
    .map(name => `pg_catalog.current_setting('${name}')::int AS ${name}`)
    .join(', ')},
  pg_catalog.current_setting('synchronous_standby_names') AS synchronous_standby_names,
  pg_catalog.current_setting('synchronous_commit') AS synchronous_commit,
  y.system_identifier::text AS system_identifier,
  c.checkpoint_lsn::text AS checkpoint_lsn, c.timeline_id AS checkpoint_timeline,
  m.min_recovery_end_lsn::text AS min_recovery_lsn, m.min_recovery_end_timeline AS min_recovery_timeline,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', s.slot_name, 'kind', s.slot_type,
      'active', s.active, 'restart', s.restart_lsn::text, 'confirmed', s.confirmed_flush_lsn::text,
      'xmin', s.xmin::text, 'database', d.datname, 'plugin', s.plugin, 'wal_status', ${walStatus}))
    FROM pg_catalog.pg_get_replication_slots() s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.datoid
    WHERE NOT s.temporary) AS slots,
  (SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_get_replication_slots() s WHERE s.temporary) AS temporary_slots,
  pg_catalog.current_setting('max_replication_slots')::int AS max_replication_slots,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('user', u.rolname, 'application', a.application_name,
      'address', a.client_addr::text, 'state', w.state, 'sync_state', w.sync_state, 'priority', w.sync_priority,
      'write', w.write_lsn::text, 'flush', w.flush_lsn::text, 'replay', w.replay_lsn::text))
    FROM pg_catalog.pg_stat_get_wal_senders() w, pg_catalog.pg_stat_get_activity(w.pid) a
      LEFT JOIN pg_catalog.pg_authid u ON u.oid = a.usesysid) AS senders,
  pg_catalog.pg_conf_load_time()::text AS settings_read,
  EXISTS (SELECT FROM pg_catalog.pg_show_all_settings() p WHERE p.pending_restart) AS restart_pending
FROM (SELECT pg_catalog.pg_is_in_recovery() AS recovering) i, pg_catalog.pg_control_system() y,
  pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() m, pg_catalog.pg_stat_get_wal_receiver() r`
}

/** Null when the row is not as expected (a server that we do not understand). */
export function parseMonitoring(row: Row | undefined): Monitored | null {
  if (row === undefined || typeof row.recovering !== 'boolean') return null
  const inRecovery = row.recovering
  const receiveLsn = maxLsn(lsn(row.receive_lsn), lsn(row.written_lsn))
  const replayLsn = lsn(row.replay_lsn)
  const position = inRecovery ? (maxLsn(receiveLsn, replayLsn) ?? 0n) : lsn(row.flush_lsn)
  const checkpointLsn = lsn(row.checkpoint_lsn)
  const startTime = timestamp(row.start_time)
  if (position === null || checkpointLsn === null || startTime === null) return null
  const walReceiver = receiverOf(row)
  const walFile = text(row.wal_file)
  const checkpointTimeline = Number(row.checkpoint_timeline)
  const server: ServerView = {
    version: Number(row.version),
    inRecovery,
    timeline:
      walFile === null ? (walReceiver?.receivedTimeline ?? null) : Number.parseInt(walFile.slice(0, 8), 16),
    position,
    receiveLsn: receiveLsn === 0n ? null : receiveLsn,
    replayLsn,
    replayPaused: row.replay_paused === true,
    inForce: inForceOf(row),
    replayTimestamp: timestamp(row.replay_timestamp),
    walReceiver,
    restoreCommandSet: row.restore_command_set === true,
    controlTimeline: checkpointTimeline,
    startTime,
    slots: list(row.slots).map(slotOf),
    ...(typeof row.max_replication_slots === 'number' && typeof row.temporary_slots === 'number'
      ? { slotRoom: { max: row.max_replication_slots, temporary: row.temporary_slots } }
      : {}),
    replication: list(row.senders).map(senderOf),
    synchronous: {
      standbyNames: text(row.synchronous_standby_names) ?? '',
      commit: text(row.synchronous_commit) ?? 'on',
    },
    pendingRestart: {},
  }
  return {
    server,
    systemIdentifier: String(row.system_identifier),
    checkpointLsn,
    checkpointTimeline,
    minRecoveryLsn: lsn(row.min_recovery_lsn) ?? 0n,
    minRecoveryTimeline: Number(row.min_recovery_timeline),
    settingsRead: `${row.settings_read} ${row.restart_pending}`,
  }
}

function inForceOf(row: Row): ControlData['settings'] {
  const value = (name: string) => (typeof row[name] === 'number' ? row[name] : null)
  return {
    maxConnections: value(STANDBY_LIMITS.maxConnections),
    maxWorkerProcesses: value(STANDBY_LIMITS.maxWorkerProcesses),
    maxWalSenders: value(STANDBY_LIMITS.maxWalSenders),
    maxPreparedTransactions: value(STANDBY_LIMITS.maxPreparedTransactions),
    maxLocksPerTransaction: value(STANDBY_LIMITS.maxLocksPerTransaction),
  }
}

function receiverOf(row: Row): WalReceiver | null {
  const status = text(row.receiver_status)
  if (status === null) return null
  const latestEndLsn = lsn(row.latest_end_lsn)
  // Until the first message from the primary, the timeline is only the requested one.
  const receivedTimeline = latestEndLsn === null ? null : Number(row.received_tli)
  return { status, receivedTimeline, latestEndLsn }
}

function slotOf(item: Row): SlotView {
  return {
    name: String(item.name),
    kind: item.kind === 'logical' ? 'logical' : 'physical',
    active: item.active === true,
    restartLsn: lsn(item.restart),
    confirmedFlushLsn: lsn(item.confirmed),
    xmin: text(item.xmin),
    database: text(item.database),
    plugin: text(item.plugin),
    walStatus: text(item.wal_status),
  }
}

function senderOf(item: Row): WalSenderView {
  return {
    user: text(item.user) ?? '',
    applicationName: text(item.application) ?? '',
    clientAddress: text(item.address)?.replace(/\/(32|128)$/, '') ?? null,
    state: text(item.state) ?? '',
    syncState: text(item.sync_state) ?? '',
    syncPriority: typeof item.priority === 'number' ? item.priority : null,
    writeLsn: lsn(item.write),
    flushLsn: lsn(item.flush),
    replayLsn: lsn(item.replay),
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function lsn(value: unknown): Lsn | null {
  return typeof value === 'string' ? parseLsn(value) : null
}

/** The fraction is omitted when it is zero, as in every other timestamp of PostgreSQL. */
function timestamp(value: unknown): string | null {
  return text(value)?.replace('.000000', '') ?? null
}

function list(value: unknown): readonly Row[] {
  return Array.isArray(value) ? (value as Row[]) : []
}
