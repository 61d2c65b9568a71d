// The parameters that PostgreSQL is started with: those that the cluster controls (equal on every node, because a
// standby cannot start with less than its primary had), then everything else that the operator set.

import { isAbsolute, resolve } from 'node:path'
import type { Json } from '../../model/cluster/cluster.ts'
import type { ControlData } from '../../model/server/postgres.ts'
import type { EffectivePostgresql, PostgresqlConfig } from '../../model/settings/config.ts'
import { parseBoolean, parseInteger } from '../../model/settings/values.ts'
import type { Scope } from '../../model/units.ts'
import { ParameterMap } from './parameter-map.ts'
import { RECOVERY_NAMES } from './recovery-settings.ts'
import { parameterText } from './server-values.ts'

export type Warn = (text: string) => void

/** Only the dynamic configuration decides these, within limits; in the order of the command line. */
interface Controlled {
  readonly name: string
  readonly fallback: string
  readonly rule:
    | { readonly kind: 'never' }
    | { readonly kind: 'integer'; readonly min: number; readonly unit?: string }
    | { readonly kind: 'bool' }
    | { readonly kind: 'only-true' }
    | { readonly kind: 'enum'; readonly values: readonly string[] }
  readonly commandLine: boolean
}

const CONTROLLED: readonly Controlled[] = [
  { name: 'listen_addresses', fallback: '', rule: { kind: 'never' }, commandLine: true },
  { name: 'port', fallback: '5432', rule: { kind: 'never' }, commandLine: true },
  { name: 'cluster_name', fallback: '', rule: { kind: 'never' }, commandLine: true },
  {
    name: 'wal_level',
    fallback: 'replica',
    rule: { kind: 'enum', values: ['hot_standby', 'replica', 'logical'] },
    commandLine: true,
  },
  { name: 'hot_standby', fallback: 'on', rule: { kind: 'only-true' }, commandLine: true },
  { name: 'max_connections', fallback: '100', rule: { kind: 'integer', min: 25 }, commandLine: true },
  { name: 'max_wal_senders', fallback: '10', rule: { kind: 'integer', min: 3 }, commandLine: true },
  { name: 'wal_keep_segments', fallback: '8', rule: { kind: 'integer', min: 0 }, commandLine: false },
  {
    name: 'wal_keep_size',
    fallback: '128MB',
    rule: { kind: 'integer', min: 0, unit: 'MB' },
    commandLine: false,
  },
  { name: 'max_prepared_transactions', fallback: '0', rule: { kind: 'integer', min: 0 }, commandLine: true },
  {
    name: 'max_locks_per_transaction',
    fallback: '64',
    rule: { kind: 'integer', min: 32 },
    commandLine: true,
  },
  { name: 'track_commit_timestamp', fallback: 'off', rule: { kind: 'bool' }, commandLine: true },
  { name: 'max_replication_slots', fallback: '10', rule: { kind: 'integer', min: 4 }, commandLine: true },
  { name: 'max_worker_processes', fallback: '8', rule: { kind: 'integer', min: 2 }, commandLine: true },
  { name: 'wal_log_hints', fallback: 'on', rule: { kind: 'bool' }, commandLine: true },
]

const CONTROLLED_BY_NAME = new Map(CONTROLLED.map(entry => [entry.name, entry]))

/** Names of the parameters that neither a local file nor a role section may set. */
export const CONTROLLED_NAMES: ReadonlySet<string> = new Set(CONTROLLED_BY_NAME.keys())

/** Parameters that we set on the command line, where nothing overrides them. */
export const COMMAND_LINE_NAMES: ReadonlySet<string> = new Set(
  CONTROLLED.filter(({ commandLine }) => commandLine).map(({ name }) => name),
)

/** They would move the server away from the directory that we guard. */
const OURS_ALONE: ReadonlySet<string> = new Set(['data_directory', 'config_file'])

interface ServerParametersInput {
  readonly effective: Pick<EffectivePostgresql, 'parameters'>
  readonly config: Pick<PostgresqlConfig, 'listenAddresses' | 'port' | 'configDir'>
  readonly scope: Scope
  readonly majorVersion: number
  readonly warn: Warn
}

/** Everything but recovery parameters, before validation against PostgreSQL's own limits. */
export function serverParameters(input: ServerParametersInput): ParameterMap {
  const { effective, config, scope, majorVersion, warn } = input
  const parameters = new ParameterMap()
  for (const { name, fallback, commandLine } of CONTROLLED) if (commandLine) parameters.set(name, fallback)
  for (const [name, value] of Object.entries(effective.parameters)) {
    const lowerName = name.toLowerCase()
    if (RECOVERY_NAMES.has(lowerName)) continue
    if (OURS_ALONE.has(lowerName)) {
      warn(`parameter ${lowerName} is not the configuration's to set, ignored`)
      continue
    }
    const controlled = CONTROLLED_BY_NAME.get(lowerName)
    if (controlled === undefined) setOrdinary(parameters, name, value, warn)
    else setControlled(parameters, controlled, value, warn)
  }
  parameters.set('listen_addresses', withoutBrackets(config.listenAddresses))
  parameters.set('port', String(config.port))
  parameters.set('cluster_name', scope)
  if (parameters.get('wal_level') === 'hot_standby') parameters.set('wal_level', 'replica')
  convertWalKeep(parameters, majorVersion)
  for (const name of ['hba_file', 'ident_file']) {
    const path = parameters.get(name)
    if (path !== null && !isAbsolute(path)) parameters.set(name, resolve(config.configDir, path))
  }
  return parameters
}

function setOrdinary(parameters: ParameterMap, name: string, value: Json, warn: Warn): void {
  const text = parameterText(value)
  if (text !== null) parameters.set(name, text)
  // null removes a parameter from the dynamic configuration.
  else if (value === null) parameters.delete(name)
  else warn(`parameter ${JSON.stringify(name)} is neither text, number nor boolean, ignored`)
}

function setControlled(parameters: ParameterMap, controlled: Controlled, value: Json, warn: Warn): void {
  if (controlled.rule.kind === 'never' || value === null) return
  const accepted = acceptedText(controlled.rule, value)
  if (accepted === null) {
    const shown = JSON.stringify(value)
    warn(`parameter ${controlled.name}=${shown} is not valid, the default ${controlled.fallback} is used`)
  }
  parameters.set(controlled.name, accepted ?? controlled.fallback)
}

function acceptedText(rule: Controlled['rule'], value: Json): string | null {
  switch (rule.kind) {
    case 'integer': {
      const number = parseInteger(value, rule.unit ?? null)
      if (number === null || number < rule.min) return null
      // "101" and 101 must be the same text, or every comparison would see a change.
      return parseInteger(value) === null ? parameterText(value) : String(number)
    }
    case 'bool':
      return parseBoolean(value) === null ? null : parameterText(value)
    case 'only-true':
      return parseBoolean(value) === true ? 'on' : null
    case 'enum': {
      const text = String(value).toLowerCase()
      return rule.values.includes(text) ? text : null
    }
    case 'never':
      return null
  }
}

/** WAL segments are taken as 16 MB, their default size. */
function convertWalKeep(parameters: ParameterMap, majorVersion: number): void {
  if (majorVersion >= 130000) {
    const segments = parseInteger(parameters.get('wal_keep_segments') ?? '8') ?? 8
    parameters.delete('wal_keep_segments')
    if (!parameters.has('wal_keep_size')) parameters.set('wal_keep_size', `${segments * 16}MB`)
  } else {
    const megabytes = parseInteger(parameters.get('wal_keep_size') ?? '128MB', 'MB') ?? 128
    parameters.delete('wal_keep_size')
    if (!parameters.has('wal_keep_segments')) {
      parameters.set('wal_keep_segments', String(Math.floor((megabytes + 8) / 16)))
    }
  }
}

function withoutBrackets(addresses: string): string {
  return addresses
    .split(',')
    .map(address => /^\s*\[(.*)\]\s*$/.exec(address)?.[1] ?? address)
    .join(',')
}

export type PendingRestart = Readonly<
  Record<string, { readonly oldValue: string; readonly newValue: string }>
>

/**
 * A standby refuses to start with less than its primary had: the larger of configuration and control file wins,
 * and the difference waits for a restart that may lower it. Changes `parameters`.
 */
export function raiseToControlData(
  parameters: ParameterMap,
  control: ControlData,
  warn: Warn,
): PendingRestart {
  const pending: Record<string, { oldValue: string; newValue: string }> = {}
  const { settings } = control
  const required: readonly (readonly [string, number | null])[] = [
    ['max_connections', settings.maxConnections],
    ['max_prepared_transactions', settings.maxPreparedTransactions],
    ['max_locks_per_transaction', settings.maxLocksPerTransaction],
    ['max_worker_processes', settings.maxWorkerProcesses],
    ['max_wal_senders', settings.maxWalSenders],
  ]
  for (const [name, minimum] of required) {
    const configured = parameters.get(name)
    if (minimum === null) warn(`the control file does not contain ${name}: binaries of another version?`)
    if (minimum === null || configured === null) continue
    const number = parseInteger(configured)
    if (number === null || number >= minimum) continue
    parameters.set(name, String(minimum))
    pending[name] = { oldValue: String(minimum), newValue: configured }
  }
  return pending
}

/** The parameters on the command line, in table order: no file can override them. */
export function onCommandLine(parameters: ParameterMap): ReadonlyMap<string, string> {
  return new Map(
    CONTROLLED.flatMap(({ name, commandLine }) => {
      const value = parameters.get(name)
      return commandLine && value !== null ? [[name, value] as const] : []
    }),
  )
}

/** `--name=value` for postgres. */
export function commandLineArguments(parameters: ParameterMap): readonly string[] {
  return [...onCommandLine(parameters)].map(([name, value]) => `--${name}=${value}`)
}
