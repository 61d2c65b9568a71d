// What PostgreSQL is to be configured with, from both configurations (spec/interfaces.md 3.1): defaults, then the
// dynamic document, then the local file; a local key wins as a whole, parameters are merged; the overlay of the role
// comes last.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import type { AgentConfig, EffectivePostgresql } from '../model/settings/config.ts'
import { isJsonObject, own } from '../model/settings/patch.ts'
import { modesOf } from '../wire/modes.ts'
import {
  isControlled,
  mergeParameters,
  type Parameters,
  readDynamicParameters,
} from './checks/parameter-rules.ts'
import { DYNAMIC } from './schema/dynamic-section.ts'
import { SHARED_POSTGRESQL } from './schema/postgresql-section.ts'
import type { ValueOf } from './schema/setting.ts'

/**
 * `document` is the dynamic configuration in force (DynamicSettings.document). Values in it that cannot be read are
 * repaired or count as absent, as in the settings. `listen_addresses`, `port` and `cluster_name` are not in
 * `parameters`: they follow from `postgresql.listen` and `scope`.
 */
export function effectivePostgresql(
  config: AgentConfig,
  document: JsonObject,
  role: 'primary' | 'replica',
): EffectivePostgresql {
  const section = own(document, 'postgresql')
  const dynamic = isJsonObject(section) ? section : {}
  const pick = <K extends SharedPath>(path: K) => pickShared(config.postgresql.shared ?? {}, dynamic, path)
  const synchronous = modesOf(document).synchronousMode !== 'off'
  const parameters = effectiveParameters(config, dynamic, role)
  const rules = (path: 'postgresql.pg_hba' | 'postgresql.pg_ident') => pick(`${path}_${role}`) ?? pick(path)
  return {
    parameters: synchronous ? withoutSyncNames(parameters) : parameters,
    ...(synchronous ? { synchronous } : {}),
    pgHba: rules('postgresql.pg_hba'),
    pgIdent: rules('postgresql.pg_ident'),
    recoveryConf: pick('postgresql.recovery_conf'),
    useSlots: readOr(DYNAMIC['postgresql.use_slots'], own(dynamic, 'use_slots')),
    useRewind: pick('postgresql.use_pg_rewind'),
    removeDataDirectoryOnRewindFailure: pick('postgresql.remove_data_directory_on_rewind_failure'),
    removeDataDirectoryOnDivergedTimelines: pick('postgresql.remove_data_directory_on_diverged_timelines'),
    pgCtlTimeoutMs: pick('postgresql.pg_ctl_timeout') * 1000,
    basebackup: pick('postgresql.basebackup'),
    rewindOptions: pick('postgresql.rewind'),
  }
}

type SharedPath = keyof typeof SHARED_POSTGRESQL

function pickShared<K extends SharedPath>(
  local: JsonObject,
  dynamic: JsonObject,
  path: K,
): ValueOf<typeof SHARED_POSTGRESQL, K> {
  const key = path.slice('postgresql.'.length)
  const raw = own(local, key) ?? own(dynamic, key)
  const setting: Readable<unknown> = SHARED_POSTGRESQL[path]
  // The setting under `path` reads values of just this type.
  return readOr(setting, raw) as ValueOf<typeof SHARED_POSTGRESQL, K>
}

interface Readable<T> {
  readonly leaf: {
    readonly parse: (raw: Json) => { readonly ok: true; readonly value: T } | { readonly ok: false }
    readonly repair?: (raw: Json) => { readonly value: T } | null
  }
  readonly fallback: T
}

function readOr<T>(setting: Readable<T>, raw: Json | undefined): T {
  if (raw === undefined || raw === null) return setting.fallback
  const parsed = setting.leaf.parse(raw)
  if (parsed.ok) return parsed.value
  const repaired = setting.leaf.repair?.(raw) ?? null
  return repaired === null ? setting.fallback : repaired.value
}

function effectiveParameters(
  config: AgentConfig,
  dynamic: JsonObject,
  role: 'primary' | 'replica',
): Parameters {
  const read = (raw: Json | undefined) => readOr(SHARED_POSTGRESQL['postgresql.parameters'], raw)
  const { parameters } = readDynamicParameters(read(own(dynamic, 'parameters')))
  const local = config.postgresql.shared ?? {}
  const overlayName = `parameters_${role}`
  const overlay = read(own(local, overlayName) ?? own(dynamic, overlayName))
  return mergeParameters(
    mergeParameters(parameters, withoutControlled(config.postgresql.parameters)),
    withoutControlled(overlay),
  )
}

/** An operator's own value counts again when synchronous mode is off (spec/ha.md 8.F14). */
function withoutSyncNames(parameters: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).filter(([name]) => name.toLowerCase() !== 'synchronous_standby_names'),
  )
}

function withoutControlled(parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !isControlled(name)))
}
