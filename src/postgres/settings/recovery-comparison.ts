// Whether the running standby follows the right member, and if not, whether a reload is enough. Every beat of a standby
// compares: a false difference would reload or restart it without end, a missed one leaves it behind a dead primary.

import { realpath } from 'node:fs/promises'
import type { RecoverySettingsView } from '../../model/server/postgres.ts'
import { parseInteger } from '../../model/settings/values.ts'
import { CONNINFO_DEFAULTS, type ConninfoFields, parseConninfo } from './conninfo.ts'
import { nullWhenMissing, readIfPresent } from './durable-file.ts'
import { pgpassLines } from './pgpass.ts'
import type { RecoverySettings } from './recovery-settings.ts'

export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>

const COMPARED = [
  'archive_cleanup_command',
  'primary_conninfo',
  'primary_slot_name',
  'promote_trigger_file',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'recovery_target',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_timeline',
  'recovery_target_xid',
  'restore_command',
]

/** When we have no opinion, the operator's own file may set them. */
const TOLERATED_FROM_ELSEWHERE: ReadonlySet<string> = new Set([
  'archive_cleanup_command',
  'promote_trigger_file',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'restore_command',
])

/** The values in force. `restart`: a reload does not change them. `elsewhere`: another file than ours sets them. */
interface CurrentSetting {
  readonly text: string
  readonly restart: boolean
  readonly elsewhere: boolean
}

export interface CurrentRecovery {
  /** Absent: this version has no such parameter. */
  readonly settings: ReadonlyMap<string, CurrentSetting>
  /** The connection of a streaming WAL receiver, which is older than the setting until it reconnects. */
  readonly receiver: { readonly conninfo: string; readonly slot: string } | null
}

export async function readCurrentRecovery(query: Query, confPath: string): Promise<CurrentRecovery> {
  const rows = await query(
    `SELECT name, setting, context, sourcefile FROM pg_catalog.pg_settings
      WHERE name OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[])`,
    [COMPARED],
  )
  const receivers = await query(
    `SELECT slot_name, conninfo FROM pg_catalog.pg_stat_wal_receiver
      WHERE status OPERATOR(pg_catalog.=) 'streaming'`,
  )
  const ours = await realpath(confPath).catch(nullWhenMissing)
  const settings = new Map<string, CurrentSetting>()
  for (const row of rows) {
    const source = row.sourcefile === null ? null : String(row.sourcefile)
    const elsewhere =
      source !== null &&
      source !== confPath &&
      (ours === null || (await realpath(source).catch(nullWhenMissing)) !== ours)
    settings.set(String(row.name), {
      text: String(row.setting ?? ''),
      restart: row.context === 'postmaster',
      elsewhere,
    })
  }
  const [receiver] = receivers
  const conninfo = String(receiver?.conninfo ?? '')
  return {
    settings,
    receiver: conninfo === '' ? null : { conninfo, slot: String(receiver?.slot_name ?? '') },
  }
}

/**
 * The values of a server that is starting right now with the files written last. Before version 13 the address of the
 * primary was fixed at the start, before 14 the restore command.
 */
export function currentFromWritten(
  written: RecoverySettings,
  conninfo: string,
  majorVersion: number,
): CurrentRecovery {
  const restartNames = new Set(
    majorVersion >= 140000
      ? []
      : majorVersion >= 130000
        ? ['restore_command']
        : ['restore_command', 'primary_conninfo', 'primary_slot_name'],
  )
  const settings = new Map<string, CurrentSetting>()
  for (const name of COMPARED) {
    const text = name === 'primary_conninfo' ? conninfo : (written.parameters.get(name) ?? '')
    settings.set(name, { text, restart: restartNames.has(name), elsewhere: false })
  }
  return { settings, receiver: null }
}

export async function compareRecovery(
  current: CurrentRecovery,
  wanted: RecoverySettings,
  majorVersion: number,
): Promise<RecoverySettingsView> {
  const differing: string[] = []
  let restart = false
  for (const name of COMPARED) {
    const setting = current.settings.get(name)
    if (setting === undefined) continue
    const same =
      name === 'primary_conninfo'
        ? await sameConninfo(currentConninfo(current, wanted.conninfo), wanted.conninfo, majorVersion)
        : sameSetting(name, setting, current, wanted)
    if (same) continue
    differing.push(name)
    restart ||= setting.restart
  }
  if (differing.length === 0) return { change: 'none', differing }
  return { change: restart ? 'restart' : 'reload', differing }
}

function sameSetting(
  name: string,
  setting: CurrentSetting,
  current: CurrentRecovery,
  wanted: RecoverySettings,
): boolean {
  const wantedText = wanted.parameters.get(name)
  if (name === 'primary_slot_name') {
    if (wanted.conninfo === null) return true
    return (current.receiver === null ? setting.text : current.receiver.slot) === (wantedText ?? '')
  }
  if (wantedText === null && setting.elsewhere && TOLERATED_FROM_ELSEWHERE.has(name)) return true
  if (name === 'recovery_min_apply_delay') {
    return (parseInteger(setting.text, 'ms') ?? 0) === (parseInteger(wantedText ?? '0', 'ms') ?? 0)
  }
  return setting.text === (wantedText ?? '')
}

const MASKED = ['password', 'sslpassword']

/** null: the value is not a valid connection string. */
function currentConninfo(current: CurrentRecovery, wanted: ConninfoFields | null): ConninfoFields | null {
  const configured = parseConninfo(current.settings.get('primary_conninfo')?.text ?? '')
  if (configured === null) return null
  const receiver = current.receiver === null ? null : parseConninfo(current.receiver.conninfo)
  // Nothing is configured any more, so the receiver is about to stop.
  if (receiver === null || Object.keys(configured).length === 0) return configured
  const merged: Record<string, string> = { ...receiver }
  for (const [key, value] of Object.entries({ ...configured, ...wanted })) {
    // The receiver masks passwords, replaces dbname, and does not quote: those keys are only true in the setting.
    if (key === 'dbname' || MASKED.includes(key) || /[\s'\\]/.test(value)) delete merged[key]
    if (merged[key] === undefined && configured[key] !== undefined) merged[key] = configured[key]
  }
  // A masked password is not one.
  for (const key of MASKED) if (!(key in configured)) delete merged[key]
  return merged
}

async function sameConninfo(
  current: ConninfoFields | null,
  wanted: ConninfoFields | null,
  majorVersion: number,
): Promise<boolean> {
  if (current === null) return false
  if (wanted === null || Object.keys(current).length === 0) {
    return wanted === null && Object.keys(current).length === 0
  }
  for (const [key, value] of Object.entries(wanted)) {
    if (key === 'dbname' && majorVersion < 170000) continue
    if (key === 'password') {
      if (!(await samePassword(current, wanted))) return false
    } else if ((current[key] ?? CONNINFO_DEFAULTS[key]) !== value) return false
  }
  return true
}

/**
 * Streaming may go on for days with an old password file: only its content shows whether the next connection succeeds.
 */
async function samePassword(current: ConninfoFields, wanted: ConninfoFields): Promise<boolean> {
  const { password = '', host, port, user } = wanted
  if ('password' in current) return current.password === password
  if (!('passfile' in current)) return false
  const text = await readIfPresent(String(current.passfile))
  if (text === null) return false
  const lines = text
    .toString()
    .split('\n')
    .filter(line => line !== '')
  const expected = pgpassLines({ host, port, user, password })
  return lines.length === expected.length && expected.every(line => lines.includes(line))
}
