// The dynamic configuration, read in two ways. When an operator writes it, every bad value is named and the document
// refused. A bad document that is in etcd all the same (written by Patroni, by etcdctl or by force) is repaired value
// by value, with a warning each: the settings in force then depend on the document alone, not on what a node has seen
// before it.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import { deepEqualText, isJsonObject, JSON_DEPTH_MAX, tooDeep } from '../model/settings/patch.ts'
import type { Problem, ProblemPlace } from '../model/settings/problem.ts'
import { isStandbyCluster } from '../wire/modes.ts'
import { type Checked, checkTree, type Values } from './checks/check-document.ts'
import { type Advice, adviseLocalOnly, adviseUnknown } from './checks/misplaced-keys.ts'
import { isControlled, readDynamicParameters } from './checks/parameter-rules.ts'
import { synchronousWarnings } from './checks/synchronous-settings.ts'
import { DYNAMIC, LOCAL, sectionsOf } from './schema/schema.ts'

export type DynamicResult =
  | { readonly ok: true; readonly settings: DynamicSettings; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly errors: readonly Problem[]; readonly warnings: readonly Problem[] }

/**
 * `previous` are the settings in force, or null. A document that says the same returns them unchanged and without
 * repeating warnings. Never throws.
 */
export function readDynamicSettings(document: Json, previous: DynamicSettings | null): DynamicResult {
  return readDynamic(document, previous, '', () => ({ kind: 'dynamic' }))
}

/**
 * The settings that a document from etcd puts in force, whatever is in it. Never throws; nesting is limited by
 * parseConfig.
 */
export function settingsInForce(
  document: JsonObject,
  previous: DynamicSettings | null,
): { readonly settings: DynamicSettings; readonly warnings: readonly Problem[] } {
  if (previous !== null && deepEqualText(previous.document, document))
    return { settings: previous, warnings: [] }
  const unknown = (path: string) => adviseDynamic(path, 'dynamic')
  const placeOf = (): ProblemPlace => ({ kind: 'dynamic' })
  const checked = checkTree(document, DYNAMIC, { prefix: '', placeOf, unknown, repairs: true })
  const timing = adjustTiming(checked.values)
  const warnings = [
    ...checked.warnings,
    ...toldOf(checked.values, timing).map(told => problemOf(told, '', placeOf)),
  ]
  return { settings: toSettings(checked, document, timing), warnings }
}

/** The settings when no configuration was ever written. */
export function defaultSettings(): DynamicSettings {
  defaults ??= settingsInForce({}, null).settings
  return defaults
}

let defaults: DynamicSettings | null = null

/** As readDynamicSettings, for `bootstrap.dcs` of a local file: paths get `prefix`, places come from the file. */
export function readDynamic(
  document: Json,
  previous: DynamicSettings | null,
  prefix: string,
  placeOf: (path: string) => ProblemPlace | null,
): DynamicResult {
  const whole = (message: string): DynamicResult => {
    const path = prefix === '' ? null : prefix.replace(/\.$/, '')
    return { ok: false, errors: [{ path, place: placeOf(path ?? ''), message, hint: null }], warnings: [] }
  }
  if (!isJsonObject(document)) return whole('is not a mapping (key: value)')
  if (tooDeep(document)) return whole(`is nested more than ${JSON_DEPTH_MAX} levels deep`)
  if (previous !== null && deepEqualText(previous.document, document))
    return { ok: true, settings: previous, warnings: [] }
  const unknown = (path: string) => adviseDynamic(path, prefix === '' ? 'dynamic' : 'bootstrap')
  const checked = checkTree(document, DYNAMIC, { prefix, placeOf, unknown })
  // A refused document is not used, so its repairs are not reported.
  if (checked.errors.length > 0) return { ok: false, errors: checked.errors, warnings: checked.warnings }
  const timing = adjustTiming(checked.values)
  const told = toldOf(checked.values, timing).map(each => problemOf(each, prefix, placeOf))
  const warnings = [...checked.warnings, ...told]
  return { ok: true, settings: toSettings(checked, document, timing), warnings }
}

type DynamicValues = Values<typeof DYNAMIC>

function toldOf(values: DynamicValues, { warnings }: Timing): readonly Told[] {
  const standbyCluster = isStandbyCluster(values.read('standby_cluster') ?? undefined)
  return [
    ...warnings,
    ...parameterWarnings(values),
    ...standbyWarnings(values),
    ...synchronousWarnings(values, standbyCluster),
  ]
}

function problemOf(
  { path, message }: Told,
  prefix: string,
  placeOf: (path: string) => ProblemPlace | null,
): Problem {
  return { path: prefix + path, place: placeOf(prefix + path), message, hint: null }
}

function toSettings(checked: Checked<typeof DYNAMIC>, document: JsonObject, timing: Timing): DynamicSettings {
  const { read, given } = checked.values
  const standbyCluster = isStandbyCluster(read('standby_cluster') ?? undefined)
  // An old name only counts when the new one is absent.
  const either = (name: 'start' | 'stop') => {
    const old = read(`master_${name}_timeout`)
    return given(`primary_${name}_timeout`) || old === null ? read(`primary_${name}_timeout`) : old
  }
  return {
    ttlMs: timing.ttl * 1000,
    loopWaitMs: timing.loopWait * 1000,
    retryTimeoutMs: timing.retryTimeout * 1000,
    maximumLagOnFailover: BigInt(read('maximum_lag_on_failover')),
    failoverIntervalMs: read('automatic_failover_interval') * 1000,
    primaryStartTimeoutMs: either('start') * 1000,
    primaryStopTimeoutMs: either('stop') * 1000,
    primaryRaceBackoffMs: read('primary_race_backoff') * 1000,
    maxTimelinesHistory: read('max_timelines_history'),
    memberSlotsTtlMs: read('member_slots_ttl') * 1000,
    failedDiskTimeoutMs: read('failed_disk_timeout') * 1000,
    hungServerTimeoutMs: read('hung_server_timeout') * 1000,
    stalledAgentTimeoutMs: read('stalled_agent_timeout') * 1000,
    useSlots: read('postgresql.use_slots'),
    paused: read('pause'),
    synchronousMode: standbyCluster ? 'off' : read('synchronous_mode'),
    synchronousStrict: read('synchronous_mode_strict'),
    synchronousNodeCount: read('synchronous_node_count'),
    maximumLagOnSyncnode:
      read('maximum_lag_on_syncnode') > 0 ? BigInt(read('maximum_lag_on_syncnode')) : null,
    failsafeMode: read('failsafe_mode'),
    failsafeTimeoutMs: read('failsafe_timeout') * 1000,
    standbyCluster,
    document,
  }
}

/** Seconds. Always `loopWait + 2 * retryTimeout <= ttl`. */
interface Timing {
  readonly ttl: number
  readonly loopWait: number
  readonly retryTimeout: number
  readonly warnings: readonly Told[]
}

interface Told {
  readonly path: string
  readonly message: string
}

function adjustTiming({ read }: DynamicValues): Timing {
  const [ttl, loopWait, retryTimeout] = [read('ttl'), read('loop_wait'), read('retry_timeout')]
  if (loopWait + 2 * retryTimeout <= ttl) return { ttl, loopWait, retryTimeout, warnings: [] }
  const tooSlow = 1 + 2 * retryTimeout > ttl
  const adjusted = tooSlow
    ? { loopWait: 1, retryTimeout: Math.floor((ttl - 1) / 2) }
    : { loopWait: ttl - 2 * retryTimeout, retryTimeout }
  const message =
    `Violated the rule "loop_wait + 2*retry_timeout <= ttl", where ttl=${ttl}: using loop_wait=${adjusted.loopWait} and ` +
    `retry_timeout=${adjusted.retryTimeout} in place of ${loopWait} and ${retryTimeout}`
  return { ttl, ...adjusted, warnings: [{ path: 'ttl', message }] }
}

function parameterWarnings({ read }: DynamicValues): readonly Told[] {
  const checked = readDynamicParameters(read('postgresql.parameters')).warnings.map(({ name, message }) => ({
    path: `postgresql.parameters.${name}`,
    message,
  }))
  const overlaid = (['primary', 'replica', 'standby_leader'] as const).flatMap(role => {
    const section = `postgresql.parameters_${role}` as const
    const names = Object.keys(read(section)).filter(isControlled)
    return names.map(name => ({
      path: `${section}.${name}`,
      message: 'is ignored: it must be the same in every role',
    }))
  })
  return [...checked, ...overlaid]
}

function standbyWarnings({ read }: DynamicValues): readonly Told[] {
  const section = read('standby_cluster')
  if (section === null || isStandbyCluster(section)) return []
  return [
    { path: 'standby_cluster', message: 'has no effect: it names neither host, port nor restore_command' },
  ]
}

const TOP_KEYS: ReadonlySet<string> = new Set(Object.keys(DYNAMIC).map(path => path.split('.')[0] ?? path))

/** Does the document hold anything that hactl knows? One that does not sets everything back to its default. */
export function hasSetting(document: JsonObject): boolean {
  return Object.keys(document).some(key => TOP_KEYS.has(key))
}

const LOCAL_SECTIONS = sectionsOf(LOCAL)

function adviseDynamic(path: string, document: 'dynamic' | 'bootstrap'): Advice {
  const isLocal = Object.hasOwn(LOCAL, path) || (LOCAL_SECTIONS.has(path) && path !== 'postgresql')
  return isLocal ? adviseLocalOnly(path) : adviseUnknown(path, document)
}
