// The few dynamic settings that answering a request about the whole cluster needs, taken from the configuration just
// read rather than from the settings that this node last applied: they may differ for the length of a beat.

import type { ClusterView, JsonObject } from '../model/cluster.ts'
import { isJsonObject, own } from '../model/patch.ts'
import type { DynamicSettings } from '../model/settings.ts'
import type { Millis } from '../model/units.ts'
import { parseBoolean, parseInteger } from '../model/values.ts'

export interface Flags {
  readonly paused: boolean
  /** `off` in a standby cluster whatever the document says. */
  readonly synchronousMode: 'off' | 'on' | 'quorum'
  readonly standbyCluster: boolean
  readonly loopWaitMs: Millis
}

/** Falls back to `settings` when the configuration in `cluster` is missing or unreadable. */
export function readFlags(cluster: ClusterView, settings: DynamicSettings): Flags {
  const config = cluster.config?.value
  if (config === undefined || !config.valid) return settings
  const { document } = config
  const standbyCluster = isStandbyCluster(document)
  const loopWait = parseInteger(own(document, 'loop_wait') ?? null)
  return {
    paused: parseBoolean(own(document, 'pause') ?? false) === true,
    synchronousMode: standbyCluster ? 'off' : synchronousMode(document),
    standbyCluster,
    loopWaitMs: loopWait === null || loopWait < 1 ? settings.loopWaitMs : loopWait * 1000,
  }
}

function synchronousMode(document: JsonObject): Flags['synchronousMode'] {
  const value = own(document, 'synchronous_mode') ?? false
  if (typeof value === 'string' && value.toLowerCase() === 'quorum') return 'quorum'
  return parseBoolean(value) === true ? 'on' : 'off'
}

/** A standby cluster needs somewhere to take its WAL from. */
function isStandbyCluster(document: JsonObject): boolean {
  const section = own(document, 'standby_cluster')
  if (!isJsonObject(section)) return false
  return ['host', 'port', 'restore_command'].some(key => Boolean(own(section, key)))
}
