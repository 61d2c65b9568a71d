// PostgreSQL parameters with rules of their own (spec/interfaces.md 3.6, spec/postgres.md 2.3): only the dynamic
// configuration decides them, a bad value falls back to the default with Patroni's warning, so that a mixed cluster
// agrees on them, and some are never read from any configuration.

import type { Json } from '../../model/cluster/cluster.ts'
import { parseBoolean, parseInteger, pythonText } from '../../model/settings/values.ts'

export type Parameters = Readonly<Record<string, Json>>

interface Controlled {
  /** null: no default of its own. */
  readonly fallback: Json
  /** The value that is used; null when the given one is refused. */
  readonly read: (value: Json) => Json
  readonly accepts: string
}

/** Set by hactl from `postgresql.listen` and `scope`. */
export const OWN_PARAMETERS: readonly string[] = ['listen_addresses', 'port', 'cluster_name']

export const CONTROLLED: Readonly<Record<string, Controlled>> = {
  wal_level: {
    fallback: 'replica',
    read: walLevel,
    accepts: 'replica, logical (hot_standby is read as replica)',
  },
  hot_standby: {
    fallback: 'on',
    read: value => (parseBoolean(value) === true ? value : null),
    accepts: 'on',
  },
  max_connections: atLeast(25, 100),
  max_wal_senders: atLeast(3, 10),
  // Any value that PostgreSQL accepts: each node keeps its own WAL, so nodes need not agree, and slots keep the rest.
  wal_keep_segments: { ...atLeast(0, 8), fallback: null },
  wal_keep_size: { fallback: null, read: atLeast(0, 128, 'MB').read, accepts: 'at least 0' },
  max_prepared_transactions: atLeast(0, 0),
  max_locks_per_transaction: atLeast(32, 64),
  track_commit_timestamp: flag('off'),
  max_replication_slots: atLeast(4, 10),
  max_worker_processes: atLeast(2, 8),
  wal_log_hints: flag('on'),
}

function atLeast(min: number, fallback: number, unit: string | null = null): Controlled {
  const read = (value: Json) => {
    const number = parseInteger(value, unit)
    if (number === null || number < min) return null
    // Patroni keeps a plain number as an integer ("101" is 101) and a quantity as it is written.
    return parseInteger(value) === null ? value : number
  }
  return { fallback, read, accepts: `at least ${min}` }
}

function flag(fallback: string): Controlled {
  return { fallback, read: value => (parseBoolean(value) === null ? null : value), accepts: 'a boolean' }
}

function walLevel(value: Json): Json {
  if (value === 'hot_standby') return 'replica'
  return value === 'replica' || value === 'logical' ? value : null
}

/** Only the dynamic configuration decides it, or no configuration at all. */
export function isControlled(name: string): boolean {
  return isControlledName(name) || isOwnParameter(name)
}

/** hactl sets it itself, whatever a configuration says. */
export function isOwnParameter(name: string): boolean {
  return OWN_PARAMETERS.includes(name.toLowerCase())
}

/** A parameter may be called `constructor`. */
function isControlledName(name: string): boolean {
  return Object.hasOwn(CONTROLLED, name.toLowerCase())
}

export interface CheckedParameters {
  readonly parameters: Parameters
  readonly warnings: readonly { readonly name: string; readonly message: string }[]
}

/** The dynamic parameters in use: missing or refused ones get their defaults. */
export function readDynamicParameters(given: Parameters): CheckedParameters {
  const warnings: { name: string; message: string }[] = []
  const checked = Object.entries(given).flatMap(([name, value]): [string, Json][] => {
    const controlled = isControlledName(name) ? CONTROLLED[name.toLowerCase()] : undefined
    if (OWN_PARAMETERS.includes(name.toLowerCase())) {
      warnings.push({ name, message: 'is ignored: hactl sets it from postgresql.listen and scope' })
      return []
    }
    if (controlled === undefined || value === null) return value === null ? [] : [[name, value]]
    const read = controlled.read(value)
    if (read !== null) return [[name, read]]
    const text = `postgresql parameter ${name}=${pythonText(value)} failed validation (${controlled.accepts})`
    warnings.push({ name, message: `${text}, defaulting to ${pythonText(controlled.fallback)}` })
    return []
  })
  const defaults = Object.entries(CONTROLLED).flatMap(([name, { fallback }]): [string, Json][] =>
    fallback === null ? [] : [[name, fallback]],
  )
  return { parameters: mergeParameters(Object.fromEntries(defaults), Object.fromEntries(checked)), warnings }
}

/** Names are case-insensitive; of two spellings the later one stays. */
export function mergeParameters(base: Parameters, over: Parameters): Parameters {
  const merged = new Map<string, readonly [string, Json]>()
  for (const [name, value] of [...Object.entries(base), ...Object.entries(over)])
    merged.set(name.toLowerCase(), [name, value])
  return Object.fromEntries(merged.values())
}

/** Names that people put in the wrong place, for advice: those above and the best known others. */
export const PARAMETER_NAMES: ReadonlyMap<string, 'dynamic' | 'any'> = new Map([
  ...[...Object.keys(CONTROLLED), 'listen_addresses', 'cluster_name'].map(name => [name, 'dynamic'] as const),
  ...`archive_command archive_mode archive_timeout autovacuum checkpoint_timeout effective_cache_size hba_file
    hot_standby_feedback huge_pages log_line_prefix log_min_duration_statement log_statement logging_collector
    maintenance_work_mem max_parallel_workers max_slot_wal_keep_size max_wal_size min_wal_size password_encryption
    primary_conninfo random_page_cost restore_command shared_buffers shared_preload_libraries ssl ssl_ca_file ssl_cert_file
    ssl_key_file statement_timeout synchronous_commit synchronous_standby_names temp_buffers timezone
    unix_socket_directories wal_buffers wal_compression wal_sender_timeout work_mem`
    .split(/\s+/)
    .map(name => [name, 'any'] as const),
])
