// YAML to JSON as Patroni's PyYAML reads it: YAML 1.1 scalars, but `y`, `n` and `1e5` are text and dates stay text. The
// package only parses; scalars, anchors and merge keys are resolved here, so that every value keeps its line, a
// repeated key is seen, and neither an anchor bomb nor deep nesting can do harm.

import type { Alias, Document, LineCounter, Node, Pair, Scalar, YAMLMap } from 'yaml'
import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { isJsonObject, JSON_DEPTH_MAX } from '../../model/settings/patch.ts'
import type { Problem } from '../../model/settings/problem.ts'
import { isJsonArray } from '../../model/settings/values.ts'
import { resolvePlain } from './read-scalar.ts'
import { explainYaml, offsetOfError, QUOTE_IT } from './yaml-problems.ts'

export interface YamlResult {
  /** undefined: unreadable, and `errors` says why. An empty document is null. */
  readonly value: Json | undefined
  /** Dotted path of each key to its line, from 1. */
  readonly lines: ReadonlyMap<string, number>
  /** Paths of unquoted values that YAML reads as something else than what was typed. */
  readonly notAsTyped: ReadonlyMap<string, NotAsTyped>
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** `number`: 0123 is read as 83, 1.10 as 1.1. `comment`: what follows # without a blank was cut off. */
export type NotAsTyped = 'number' | 'comment'

/** A real configuration has some hundred nodes and a handful of aliases. */
const NODES_MAX = 50_000
const ALIASES_MAX = 100
const PROBLEMS_MAX = 100
/** The parser needs seconds for a megabyte of these, and it does not yield. */
const DEEP_NESTING = /(?:[[{]\s*){100}|(?:- ){100}/

/** `file` only serves the problems; null for text out of an environment variable. */
export async function parseYaml(text: string, file: string | null): Promise<YamlResult> {
  // Loading the package takes 25 ms, which a command that needs no YAML should not pay.
  const yaml = await import('yaml')
  const counter = new yaml.LineCounter()
  const reading: Reading = {
    yaml,
    counter,
    file,
    lines: new Map(),
    notAsTyped: new Map(),
    errors: [],
    warnings: [],
    nodes: 0,
    aliases: 0,
  }
  if (DEEP_NESTING.test(text)) {
    complain(reading, 'error', null, null, 'is nested too deeply', null)
    return finished(reading, undefined)
  }
  const document = yaml.parseDocument(text, {
    version: '1.1',
    schema: 'failsafe',
    uniqueKeys: false,
    lineCounter: counter,
    prettyErrors: false,
    logLevel: 'error',
  })
  const [error] = document.errors
  if (error !== undefined) {
    // Only the first: the others follow from it.
    const { message, hint } = explainYaml(error.code, error.message)
    complain(reading, 'error', null, offsetOfError(yaml, document, error), message, hint)
    return finished(reading, undefined)
  }
  const value = convert(reading, document, document.contents, '', 0)
  return finished(reading, reading.errors.length > 0 ? undefined : value)
}

interface Reading {
  readonly yaml: typeof import('yaml')
  readonly counter: LineCounter
  readonly file: string | null
  readonly lines: Map<string, number>
  readonly notAsTyped: Map<string, NotAsTyped>
  readonly errors: Problem[]
  readonly warnings: Problem[]
  nodes: number
  aliases: number
}

function finished(reading: Reading, value: Json | undefined): YamlResult {
  const { lines, notAsTyped, errors, warnings } = reading
  return { value, lines, notAsTyped, errors, warnings }
}

function convert(reading: Reading, document: Document, node: unknown, path: string, depth: number): Json {
  const { yaml } = reading
  reading.nodes += 1
  if (reading.errors.length > 0) return null
  if (depth > JSON_DEPTH_MAX || reading.nodes > NODES_MAX) {
    complain(reading, 'error', null, null, 'is nested too deeply, repeats itself or is too large', null)
    return null
  }
  if (yaml.isAlias(node)) return convertAlias(reading, document, node, path, depth)
  if (yaml.isMap(node)) return convertMap(reading, document, node, path, depth)
  if (yaml.isSeq(node)) {
    return node.items.map((item, index) => convert(reading, document, item, `${path}[${index}]`, depth + 1))
  }
  return yaml.isScalar(node) ? convertScalar(reading, node, path) : null
}

function convertAlias(reading: Reading, document: Document, alias: Alias, path: string, depth: number): Json {
  reading.aliases += 1
  if (reading.aliases > ALIASES_MAX) {
    complain(reading, 'error', null, alias.range?.[0] ?? null, `has more than ${ALIASES_MAX} aliases`, null)
    return null
  }
  const target = alias.resolve(document)
  if (target === undefined)
    complain(
      reading,
      'error',
      null,
      alias.range?.[0] ?? null,
      'begins with *, which YAML reads as an alias, and there is no such anchor',
      QUOTE_IT,
    )
  return convert(reading, document, target, path, depth + 1)
}

function convertMap(reading: Reading, document: Document, map: YAMLMap, path: string, depth: number): Json {
  const merged = new Map<string, Json>()
  const written = new Map<string, Json>()
  for (const pair of map.items) {
    const { key, start } = keyOf(reading, pair)
    if (key === null) {
      complain(reading, 'error', path, start, 'has a key that is a list or a mapping', null)
      continue
    }
    if (key === '<<') {
      for (const [name, value] of mergeEntries(convert(reading, document, pair.value, path, depth + 1))) {
        if (!merged.has(name)) merged.set(name, value)
      }
      continue
    }
    const child = path === '' ? key : `${path}.${key}`
    if (written.has(key)) {
      const first = reading.lines.get(child)
      const where = first === undefined ? '' : ` (first in line ${first})`
      complain(
        reading,
        'warning',
        child,
        start,
        `stands twice${where}; the last one counts`,
        'Remove one of them.',
      )
    }
    if (start !== null) reading.lines.set(child, reading.counter.linePos(start).line)
    written.set(key, convert(reading, document, pair.value, child, depth + 1))
  }
  return Object.fromEntries([...[...merged].filter(([key]) => !written.has(key)), ...written])
}

/** The keys that `<<` brings in: of several mappings, the first one that has a key wins. */
function mergeEntries(value: Json): readonly (readonly [string, Json])[] {
  if (isJsonArray(value)) return value.flatMap(mergeEntries)
  return isJsonObject(value) ? Object.entries(value) : []
}

function keyOf(reading: Reading, pair: Pair): { readonly key: string | null; readonly start: number | null } {
  const { yaml } = reading
  const start = yaml.isNode(pair.key) ? (pair.key.range?.[0] ?? null) : null
  if (!yaml.isScalar(pair.key)) return { key: pair.key === null ? '' : null, start }
  return { key: pair.key.source ?? String(pair.key.value ?? ''), start }
}

function convertScalar(reading: Reading, scalar: Scalar, path: string): Json {
  const text = typeof scalar.value === 'string' ? scalar.value : ''
  const tag = tagOf(scalar)
  if (tag === null) {
    if (scalar.type !== 'PLAIN' && scalar.value !== null) return text
    const value = resolvePlain(text)
    if (/^[^\s#]/.test(scalar.comment ?? '')) reading.notAsTyped.set(path, 'comment')
    if (typeof value === 'number' && String(value) !== text) reading.notAsTyped.set(path, 'number')
    return value
  }
  if (tag === 'str') return text
  if (['int', 'float', 'bool', 'null'].includes(tag)) return resolvePlain(text)
  complain(
    reading,
    'error',
    path,
    scalar.range?.[0] ?? null,
    // The anchor is not named: it may be the beginning of a password.
    'begins with !, which YAML reads as a tag; tags are not read',
    QUOTE_IT,
  )
  return null
}

function tagOf(node: Node): string | null {
  return node.tag === undefined ? null : node.tag.replace(/^tag:yaml\.org,2002:/, '')
}

function complain(
  reading: Reading,
  kind: 'error' | 'warning',
  path: string | null,
  offset: number | null,
  message: string,
  hint: string | null,
): void {
  const line = offset === null ? null : reading.counter.linePos(offset).line
  const place = reading.file === null ? null : ({ kind: 'file', file: reading.file, line } as const)
  const problems = kind === 'error' ? reading.errors : reading.warnings
  if (problems.length < PROBLEMS_MAX) problems.push({ path: path === '' ? null : path, place, message, hint })
}

/** `objects` only: a document whose top is a mapping. */
export function asMapping(value: Json | undefined): JsonObject | null {
  return isJsonObject(value) ? value : null
}
