// The running server's own settings: which of them wait for a restart, and which would change with a new configuration.

import { parseInteger } from '../../model/settings/values.ts'
import type { ParameterMap } from './parameter-map.ts'
import type { PendingRestart } from './parameters.ts'
import type { Query } from './recovery-comparison.ts'
import { RECOVERY_NAMES } from './recovery-settings.ts'
import { readableValue, sameValue } from './server-values.ts'

/** Values as people read them (`128MB`). `restart`: only a restart brings the new one into force. */
export interface ChangedParameter {
  readonly name: string
  readonly oldValue: string
  readonly newValue: string
  readonly restart: boolean
}

/** hot_standby is ours on the command line: what a file says about it is of no consequence. */
function isIgnored(name: string): boolean {
  return name === 'hot_standby' || RECOVERY_NAMES.has(name)
}

/**
 * The settings that a start by us would change: compares the running value with the command line, else the files, else
 * the server's default. The server's own flag ignores what a restart by somebody else kept on its command line.
 */
export async function pendingRestartOf(
  query: Query,
  commandLine: ReadonlyMap<string, string>,
): Promise<PendingRestart> {
  const rows = await query(
    `SELECT s.name, s.vartype, s.unit, s.setting, s.boot_val, f.setting AS file_setting
       FROM pg_catalog.pg_settings s
       LEFT JOIN (SELECT DISTINCT ON (pg_catalog.lower(l.name)) pg_catalog.lower(l.name) AS name, l.setting
                    FROM pg_catalog.pg_file_settings l WHERE l.name IS NOT NULL
                   ORDER BY pg_catalog.lower(l.name), l.seqno DESC) f
              ON f.name OPERATOR(pg_catalog.=) pg_catalog.lower(s.name)
      WHERE s.pending_restart OR s.source OPERATOR(pg_catalog.=) 'command line'
         OR (s.context OPERATOR(pg_catalog.=) 'postmaster'
             AND (s.source OPERATOR(pg_catalog.=) 'configuration file'
                  OR pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[])))`,
    [[...commandLine.keys()]],
  )
  const pending: Record<string, { oldValue: string; newValue: string }> = {}
  for (const row of rows) {
    const name = String(row.name)
    if (isIgnored(name.toLowerCase())) continue
    const [vartype, unit, setting] = [String(row.vartype), textOrNull(row.unit), String(row.setting ?? '')]
    const wanted = String(commandLine.get(name.toLowerCase()) ?? row.file_setting ?? row.boot_val ?? '?')
    // The flag of a parameter whose line was taken out of the file again stays up until the restart that it asks for.
    if (sameValue(vartype, unit, setting, wanted)) continue
    const [oldValue, newValue] = [setting, wanted].map(value => readableValue(vartype, unit, value))
    pending[name] = { oldValue: oldValue ?? '', newValue: newValue ?? '' }
  }
  return pending
}

/**
 * How `wanted` differs from what is in force. `previous` is what was written last: a name that is gone from it goes
 * back to the server's default. Extension parameters that are not loaded compare with `previous`.
 */
export async function changedFromServer(
  query: Query,
  wanted: ParameterMap,
  previous: ParameterMap | null,
): Promise<readonly ChangedParameter[]> {
  const names = new Map(
    [...(previous?.values() ?? []), ...wanted.values()].map(({ name }) => [name.toLowerCase(), name]),
  )
  const rows = await query(
    `SELECT name, setting, unit, vartype, context, boot_val FROM pg_catalog.pg_settings
      WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[])`,
    [[...names.keys(), 'shared_buffers', 'wal_segment_size']],
  )
  const byName = new Map(rows.map(row => [String(row.name).toLowerCase(), row]))
  const walBuffers = defaultWalBuffers(byName.get('shared_buffers'), byName.get('wal_segment_size'))
  const changes: ChangedParameter[] = []
  for (const [lowerName, name] of names) {
    if (isIgnored(lowerName)) continue
    const row = byName.get(lowerName)
    const change =
      row === undefined ? changedUnloaded(name, wanted, previous) : changedRow(row, wanted, walBuffers)
    if (change !== null) changes.push(change)
  }
  return changes
}

function changedUnloaded(
  name: string,
  wanted: ParameterMap,
  previous: ParameterMap | null,
): ChangedParameter | null {
  const [oldValue, newValue] = [previous?.get(name) ?? '', wanted.get(name) ?? '']
  if (!name.includes('.') || oldValue === newValue) return null
  return { name, oldValue, newValue, restart: false }
}

function changedRow(
  row: Record<string, unknown>,
  wanted: ParameterMap,
  walBuffers: string | null,
): ChangedParameter | null {
  if (row.context === 'internal') return null
  const name = String(row.name)
  const [vartype, unit, setting] = [String(row.vartype), textOrNull(row.unit), String(row.setting ?? '')]
  let text = wanted.get(name) ?? String(row.boot_val ?? '')
  if (name === 'wal_buffers' && walBuffers !== null && parseInteger(text) === -1) text = walBuffers
  if (sameValue(vartype, unit, setting, text)) return null
  const [oldValue, newValue] = [setting, text].map(value => readableValue(vartype, unit, value))
  return { name, oldValue: oldValue ?? '', newValue: newValue ?? '', restart: row.context === 'postmaster' }
}

/** wal_buffers = -1 in 8 kB blocks: a 32nd of shared_buffers, at least 8 blocks, at most one WAL segment. */
function defaultWalBuffers(
  sharedBuffers: Record<string, unknown> | undefined,
  segment: Record<string, unknown> | undefined,
): string | null {
  const buffers = parseInteger(String(sharedBuffers?.setting ?? ''))
  const size = parseInteger(String(segment?.setting ?? ''))
  if (buffers === null || size === null) return null
  // The segment size is in bytes since 11, in 8 kB blocks before.
  const blocks = segment?.unit === '8kB' ? size : Math.floor(size / 8192)
  return String(Math.min(Math.max(Math.floor(buffers / 32), 8), blocks))
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}
