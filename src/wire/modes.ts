// The modes of a cluster that not only the agent's rules need, read from the `config` document in one way.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import { isJsonObject, own } from '../model/settings/patch.ts'
import { parseBoolean, parseReal, pythonTruth, roundHalfEven } from '../model/settings/values.ts'
import type { Bytes } from '../model/units.ts'

export interface ClusterModes {
  readonly paused: boolean
  /** `off` in a standby cluster whatever the document says. */
  readonly synchronousMode: 'off' | 'on' | 'quorum'
  readonly standbyCluster: boolean
  readonly failsafeMode: boolean
}

/** Reads them as leniently as Patroni does; validation is the agent's business. */
export function modesOf(document: JsonObject): ClusterModes {
  const standbyCluster = isStandbyCluster(own(document, 'standby_cluster'))
  const paused = parseBoolean(own(document, 'pause') ?? false) === true
  return {
    paused,
    failsafeMode: parseBoolean(own(document, 'failsafe_mode') ?? false) === true,
    standbyCluster,
    synchronousMode: standbyCluster ? 'off' : synchronousMode(own(document, 'synchronous_mode')),
  }
}

const MAXIMUM_LAG_DEFAULT: Bytes = 1_048_576n

/** As every node applies it: rounded, never negative, the default when it is no number. */
export function maximumLagOf(document: JsonObject): Bytes {
  const bytes = parseReal(own(document, 'maximum_lag_on_failover') ?? null)
  if (bytes === null) return MAXIMUM_LAG_DEFAULT
  return BigInt(Math.min(Math.max(0, roundHalfEven(bytes)), Number.MAX_SAFE_INTEGER))
}

function synchronousMode(value: Json | undefined): ClusterModes['synchronousMode'] {
  if (typeof value === 'string' && value.toLowerCase() === 'quorum') return 'quorum'
  return parseBoolean(value ?? false) === true ? 'on' : 'off'
}

/** How many synchronous standbys the operator wants. */
export interface SyncWanted {
  readonly mode: ClusterModes['synchronousMode']
  /** No commit without one. */
  readonly strict: boolean
  readonly count: number
}

export function syncWantedOf(document: JsonObject): SyncWanted {
  const count = parseReal(own(document, 'synchronous_node_count') ?? null)
  return {
    mode: modesOf(document).synchronousMode,
    strict: parseBoolean(own(document, 'synchronous_mode_strict') ?? false) === true,
    count: count === null ? 1 : Math.max(1, roundHalfEven(count)),
  }
}

/** A standby cluster needs a source for its WAL. */
export function isStandbyCluster(section: Json | undefined): boolean {
  if (!isJsonObject(section)) return false
  return ['host', 'port', 'restore_command'].some(key => pythonTruth(own(section, key) ?? null))
}
