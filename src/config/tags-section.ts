// The `tags` section: what this node may become and what its member key shows (spec/ha.md 1.4). Tags keep their YAML
// type and order on the wire, so they are read here and published as they were written.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import type { Tags } from '../model/settings/config.ts'
import { parseInteger, pythonText, pythonTruth } from '../model/settings/values.ts'
import { barredBy, hasNostream, isFlagged, replicatesFrom, tagValue } from '../wire/tags.ts'

interface TagsResult {
  readonly tags: Tags
  readonly errors: readonly TagProblem[]
  readonly warnings: readonly TagProblem[]
}

interface TagProblem {
  readonly tag: string
  readonly message: string
}

export function readTags(section: JsonObject): TagsResult {
  const errors: TagProblem[] = []
  const warnings: TagProblem[] = []
  const value = (tag: string): Json => tagValue(section, tag)
  const priority = (tag: string): number => {
    const number = value(tag) === null ? 1 : parseInteger(value(tag))
    if (number === null) errors.push({ tag, message: 'is not an integer' })
    return number ?? 1
  }
  const pair = (flag: 'nofailover' | 'nosync', rank: string) => {
    const number = priority(rank)
    const forbidden = barredBy(section, flag, number)
    if (value(flag) !== null && value(rank) !== null && forbidden !== number <= 0) {
      warnings.push({ tag: flag, message: conflict(flag, value(flag), rank, value(rank)) })
    }
    return { forbidden, number }
  }
  for (const tag of FLAGS) {
    if (typeof value(tag) === 'string') warnings.push(textForFlag(tag, section))
  }
  const replicatefrom = value('replicatefrom')
  if (typeof replicatefrom === 'object' && replicatefrom !== null)
    errors.push({ tag: 'replicatefrom', message: 'is not the name of a member' })
  const failover = pair('nofailover', 'failover_priority')
  const tags: Tags = {
    nofailover: failover.forbidden,
    failoverPriority: failover.forbidden ? 0 : failover.number,
    clonefrom: isFlagged(section, 'clonefrom'),
    noloadbalance: isFlagged(section, 'noloadbalance'),
    nosync: pair('nosync', 'sync_priority').forbidden,
    nostream: hasNostream(section),
    replicatefrom: replicatesFrom(section),
    published: publishedTags(section),
  }
  return { tags, errors, warnings }
}

const FLAGS = ['nofailover', 'clonefrom', 'noloadbalance', 'nosync', 'nostream']
const RANKS: Readonly<Record<string, string>> = { nofailover: 'failover_priority', nosync: 'sync_priority' }

/** Flags that are off are left out, except one whose priority is configured too; everything else stays as it is. */
function publishedTags(section: JsonObject): JsonObject {
  const shown = Object.entries(section).filter(([tag, value]) => {
    if (!FLAGS.includes(tag) || pythonTruth(value)) return true
    const rank = RANKS[tag]
    return rank !== undefined && Object.hasOwn(section, rank)
  })
  return Object.fromEntries(shown)
}

function conflict(flag: string, set: Json, rank: string, number: Json): string {
  const text = pythonText(set)
  return (
    `Conflicting configuration between ${flag}: ${text} and ${rank}: ${pythonText(number)}. Defaulting to ` +
    `${flag}: ${text}`
  )
}

/** `nofailover: "false"` is true for Patroni, as any text is; only nostream is read as a boolean text. */
function textForFlag(tag: string, section: JsonObject): TagProblem {
  const meaning = tag === 'nostream' ? hasNostream(section) : pythonTruth(tagValue(section, tag))
  return {
    tag,
    message: `is text and counts as ${meaning}; write ${tag}: true or ${tag}: false without quotes`,
  }
}
