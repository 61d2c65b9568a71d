// Command-line options given in the configuration (`bootstrap.initdb`, `postgresql.basebackup`, `postgresql.rewind`):
// a list of `name` and `name: value`, or one mapping (spec/postgres.md 3.2).

import type { Json } from '../../model/cluster/cluster.ts'
import type { InitdbOption } from '../../model/settings/config.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { isJsonArray, pythonText, pythonTruth } from '../../model/settings/values.ts'
import { type Leaf, type Parsed, read, refuse } from './leaf.ts'

/** Options in `reserved` are hactl's own; `whenReserved` says whether one of them is an error or is left out. */
export function options(
  reserved: readonly string[],
  whenReserved: 'refuse' | 'leave out',
): Leaf<readonly InitdbOption[]> {
  return {
    type: 'list of options, or mapping',
    fromEnvironment: 'list',
    parse: raw => {
      const parsed = isJsonObject(raw) ? read(mappingEntries(raw)) : listEntries(raw)
      if (!parsed.ok) return parsed
      const taken = parsed.value.filter(option => reserved.includes(option.name)).map(option => option.name)
      if (taken.length === 0) return parsed
      const message = `has options that hactl sets itself: ${taken.join(', ')}`
      if (whenReserved === 'refuse') return refuse(message)
      const kept = parsed.value.filter(option => !reserved.includes(option.name))
      return { ok: true, value: kept, warning: `${message} (left out)` }
    },
  }
}

function mappingEntries(raw: Readonly<Record<string, Json>>): readonly InitdbOption[] {
  return Object.entries(raw)
    .filter(([, value]) => pythonTruth(value))
    .map(([name, value]) => option(name, value))
}

function listEntries(raw: Json): Parsed<readonly InitdbOption[]> {
  if (!isJsonArray(raw)) return refuse('is neither a list nor a mapping')
  const entries: InitdbOption[] = []
  for (const [index, item] of raw.entries()) {
    const pairs = isJsonObject(item) ? Object.entries(item) : []
    const [pair] = pairs
    if (typeof item === 'string') entries.push({ name: item, value: null })
    else if (pair !== undefined && pairs.length === 1 && typeof pair[1] !== 'object')
      entries.push(option(...pair))
    else return refuse(`item ${index + 1} is neither an option name nor a single "name: value"`)
  }
  return read(entries)
}

function option(name: string, value: Json): InitdbOption {
  return { name, value: value === true ? null : unquote(pythonText(value)) }
}

/** One level of shell quotes is removed when the whole value is one quoted word: `'"a b"'` is `a b`. */
function unquote(value: string): string {
  const match = /^(["'])(.*)\1$/s.exec(value)
  const inner = match?.[2]
  return inner === undefined || inner.includes(match?.[1] ?? '') ? value : inner
}
