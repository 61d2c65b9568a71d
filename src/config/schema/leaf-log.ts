// The two log settings whose values are not plain: the level with its Python synonyms, and the format, which is a text
// or a list of JSON fields.

import type { Json } from '../../model/cluster/cluster.ts'
import type { LogConfig } from '../../model/settings/config.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { isJsonArray } from '../../model/settings/values.ts'
import { choice, type Leaf, type Parsed, read, refuse } from './leaf.ts'

export function level(): Leaf<LogConfig['level']> {
  return choice(['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'], { warn: 'WARNING', fatal: 'CRITICAL' })
}

interface LogFormat {
  readonly text: string
  /** Fields of a JSON line in order; null: those that `text` names. */
  readonly fields: readonly { readonly field: string; readonly name: string }[] | null
}

export function jsonFields(): Leaf<LogFormat> {
  return { type: 'text, or list of fields', fromEnvironment: 'format', parse: parseFormat }
}

function parseFormat(raw: Json): Parsed<LogFormat> {
  if (typeof raw === 'string') return raw === '' ? refuse('is empty') : read({ text: raw, fields: null })
  if (!isJsonArray(raw)) return refuse('is neither text nor a list of fields')
  const fields = raw.flatMap(item => {
    if (typeof item === 'string') return [{ field: item, name: item }]
    if (!isJsonObject(item)) return []
    return Object.entries(item).flatMap(([field, name]) =>
      typeof name === 'string' ? [{ field, name }] : [],
    )
  })
  if (fields.length < raw.length) return refuse('has an item that is neither a field nor {field: new name}')
  return read({ text: fields.map(({ field }) => `%(${field})s`).join(' '), fields })
}
