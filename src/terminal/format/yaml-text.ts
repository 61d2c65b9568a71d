// Writes YAML as patronictl does (sorted keys, block style, width 200), so that diffs of a configuration and scripts
// that read `-f yaml` see no difference. The `yaml` package only reads YAML; this writer does not need it.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { isJsonArray } from '../../model/settings/values.ts'
import { scalarText } from './write-scalar.ts'

/** A document in block style with a line end; keys sorted by code point. */
export function yamlDocument(value: Json): string {
  if (isCollection(value) && !isEmpty(value)) return `${blockLines(value, 0).join('\n')}\n`
  const text = isCollection(value)
    ? emptyText(value)
    : scalarText(value, { indent: 2, column: 0, flow: false })
  return `${text}\n`
}

/** One line in flow style: `{clonefrom: true, custom: x}`. */
export function yamlFlow(value: Json): string {
  if (isJsonArray(value)) return `[${value.map(yamlFlow).join(', ')}]`
  if (isJsonObject(value)) {
    return `{${sortedEntries(value)
      .map(([key, item]) => `${keyText(key, true)}: ${yamlFlow(item)}`)
      .join(', ')}}`
  }
  return scalarText(value, { indent: 0, column: -Infinity, flow: true })
}

type Collection = readonly Json[] | JsonObject

function blockLines(value: Collection, indent: number): string[] {
  const pad = ' '.repeat(indent)
  if (isJsonArray(value)) return value.flatMap(item => sequenceItem(item, indent))
  return sortedEntries(value).flatMap(([key, item]) => {
    const head = `${pad}${keyText(key, false)}:`
    if (isCollection(item) && !isEmpty(item)) {
      // A sequence inside a mapping starts at the column of its key.
      return [head, ...blockLines(item, isJsonArray(item) ? indent : indent + 2)]
    }
    return [`${head} ${leafText(item, indent + 2, head.length + 1)}`]
  })
}

function sequenceItem(item: Json, indent: number): string[] {
  const pad = ' '.repeat(indent)
  if (!isCollection(item) || isEmpty(item)) return [`${pad}- ${leafText(item, indent + 2, indent + 2)}`]
  const [first = '', ...rest] = blockLines(item, indent + 2)
  return [`${pad}- ${first.trimStart()}`, ...rest]
}

function leafText(value: Json, indent: number, column: number): string {
  return isCollection(value) ? emptyText(value) : scalarText(value, { indent, column, flow: false })
}

function keyText(key: string, flow: boolean): string {
  return scalarText(key, { indent: 0, column: -Infinity, flow })
}

function sortedEntries(value: JsonObject): readonly (readonly [string, Json])[] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
}

function isCollection(value: Json): value is Collection {
  return typeof value === 'object' && value !== null
}

function isEmpty(value: Collection): boolean {
  return Object.keys(value).length === 0
}

function emptyText(value: Collection): string {
  return isJsonArray(value) ? '[]' : '{}'
}
