// The dynamic settings needed to answer a request about the whole cluster. They come from the configuration just read,
// not from the settings that this node last applied: the two may differ for the length of a beat.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import type { Bytes } from '../model/units.ts'
import { type ClusterModes, maximumLagOf, modesOf } from './modes.ts'

export interface Flags extends ClusterModes {
  readonly maximumLagBytes: Bytes
}

/** Falls back to `settings` when the configuration in `cluster` is missing or unreadable. */
export function readFlags(cluster: ClusterView, settings: DynamicSettings): Flags {
  const config = cluster.config?.value
  if (config === undefined || !config.valid)
    return { ...settings, maximumLagBytes: settings.maximumLagOnFailover }
  return { ...modesOf(config.document), maximumLagBytes: maximumLagOf(config.document) }
}
