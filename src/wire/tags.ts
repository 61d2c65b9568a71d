// The tags of a member, read in one way wherever they come from: this node's YAML, a member key in etcd, the answer of
// `GET /patroni`. Each reading is Patroni's (spec/ha.md 1.4): a flag counts by Python's truth, so that the text `off`
// is true, except nostream, which is read as a boolean; a flag wins over its priority.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import { own } from '../model/settings/patch.ts'
import { parseBoolean, parseInteger, pythonText, pythonTruth } from '../model/settings/values.ts'

/** A tag that is null counts as absent. */
export function tagValue(tags: JsonObject, tag: string): Json {
  return own(tags, tag) ?? null
}

export function isFlagged(tags: JsonObject, flag: 'clonefrom' | 'noloadbalance'): boolean {
  return pythonTruth(tagValue(tags, flag))
}

/** Text that is no boolean counts as no tag. */
export function hasNostream(tags: JsonObject): boolean {
  return parseBoolean(tagValue(tags, 'nostream')) ?? false
}

/** The flag when it is there, else whether the priority is zero or less; a priority that is no integer counts as 1. */
export function barredBy(tags: JsonObject, flag: 'nofailover' | 'nosync', priority: number): boolean {
  const value = tagValue(tags, flag)
  return value === null ? priority <= 0 : pythonTruth(value)
}

function barredOrRanked(
  tags: JsonObject,
  flag: 'nofailover' | 'nosync',
  rank: 'failover_priority' | 'sync_priority',
): readonly [barred: boolean, priority: number] {
  const priority = parseInteger(tagValue(tags, rank)) ?? 1
  const barred = barredBy(tags, flag, priority)
  return [barred, barred ? 0 : priority]
}

interface FailoverTags {
  readonly nofailover: boolean
  /** 0 with nofailover. */
  readonly failoverPriority: number
}

export function failoverTags(tags: JsonObject): FailoverTags {
  const [nofailover, failoverPriority] = barredOrRanked(tags, 'nofailover', 'failover_priority')
  return { nofailover, failoverPriority }
}

interface SyncTags {
  readonly nosync: boolean
  /** The greater, the sooner it is chosen; 0 with nosync. */
  readonly syncPriority: number
}

export function syncTags(tags: JsonObject): SyncTags {
  const [nosync, syncPriority] = barredOrRanked(tags, 'nosync', 'sync_priority')
  return { nosync, syncPriority }
}

/** The member to stream WAL from; null: the leader. */
export function replicatesFrom(tags: JsonObject): string | null {
  const source = tagValue(tags, 'replicatefrom')
  if (source === null || source === '' || typeof source === 'object') return null
  return pythonText(source)
}
