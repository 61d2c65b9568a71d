// Walks a document along a schema: parses every known value and collects every problem at once, each with its place.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { deepEqualText, isJsonObject, own } from '../../model/settings/patch.ts'
import type { Problem, ProblemPlace } from '../../model/settings/problem.ts'
import { sectionsOf } from '../schema/schema.ts'
import type { AnySetting, Schema, ValueOf } from '../schema/setting.ts'
import type { Advice } from './misplaced-keys.ts'

export interface Checked<S extends Schema> {
  readonly values: Values<S>
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** Parsed values by path, with the defaults behind them. */
export interface Values<S extends Schema> {
  readonly read: <K extends keyof S & string>(path: K) => ValueOf<S, K>
  /** True when the key is set and readable. */
  readonly given: (path: keyof S & string) => boolean
}

interface CheckOptions {
  /** Shown before each path, e.g. `bootstrap.dcs.`. */
  readonly prefix: string
  /** The place of a key; gets the path with the prefix. */
  readonly placeOf: (path: string) => ProblemPlace | null
  /** A refused value is repaired as every node repairs it, with a warning: there are no errors. */
  readonly repairs?: true
  /** Missing required settings are not reported. */
  readonly partial?: boolean
  /** What to say about a key that no setting has; null: nothing. */
  readonly unknown: (path: string, value: Json) => Advice | null
}

export function checkTree<S extends Schema>(tree: JsonObject, schema: S, options: CheckOptions): Checked<S> {
  const walk: Walk = {
    schema,
    options,
    sections: sectionsOf(schema),
    values: new Map(),
    errors: [],
    warnings: [],
    refused: new Set(),
  }
  visit(walk, tree, '')
  for (const [path, setting] of Object.entries(schema)) {
    if (!setting.required || options.partial === true || walk.values.has(path) || walk.refused.has(path))
      continue
    const hint = setting.env === null ? `Set ${path}.` : `Set ${path}, or the variable ${setting.env}.`
    walk.errors.push(problem(walk, path, 'is missing', hint))
  }
  warnUnsupported(walk)
  return { values: valuesOf(schema, walk.values), errors: walk.errors, warnings: walk.warnings }
}

function valuesOf<S extends Schema>(schema: S, found: ReadonlyMap<string, unknown>): Values<S> {
  return {
    read: path => {
      const setting = schema[path]
      if (setting === undefined) throw new Error(`bug: ${path} is not in the schema`)
      if (!found.has(path) && setting.required)
        throw new Error(`bug: ${path} was read although it is missing`)
      // The value under a path was produced by the parser of that very setting.
      return (found.has(path) ? found.get(path) : setting.fallback) as ValueOf<S, typeof path>
    },
    given: path => found.has(path),
  }
}

interface Walk {
  readonly schema: Schema
  readonly options: CheckOptions
  readonly sections: ReadonlySet<string>
  readonly values: Map<string, unknown>
  readonly errors: Problem[]
  readonly warnings: Problem[]
  /** Paths with an unreadable value, and those below them: they do not also count as missing. */
  readonly refused: Set<string>
}

function visit(walk: Walk, object: JsonObject, parent: string): void {
  for (const [key, value] of Object.entries(object)) {
    const path = parent === '' ? key : `${parent}.${key}`
    const setting = key.includes('.') ? undefined : ownSetting(walk.schema, path)
    const isSection = walk.sections.has(path) && !key.includes('.')
    // `tags:` with nothing behind it is null in YAML and means the same as no key.
    if (value === null && (setting !== undefined || isSection)) continue
    if (setting !== undefined) readSetting(walk, path, setting, value)
    else if (isSection) visitSection(walk, path, value)
    else {
      const advice = walk.options.unknown(path, value)
      if (advice !== null) walk.warnings.push(problem(walk, path, advice.message, advice.hint))
    }
  }
}

function visitSection(walk: Walk, path: string, value: Json): void {
  if (isJsonObject(value)) {
    visit(walk, value, path)
    return
  }
  if (walk.options.repairs === true) {
    walk.warnings.push(problem(walk, path, 'is ignored: it is not a mapping (key: value)', null))
    return
  }
  for (const below of Object.keys(walk.schema)) if (below.startsWith(`${path}.`)) walk.refused.add(below)
  walk.errors.push(problem(walk, path, 'is not a mapping (key: value)', 'Put its keys, indented, under it.'))
}

function readSetting(walk: Walk, path: string, setting: AnySetting, value: Json): void {
  const parsed = setting.leaf.parse(value)
  if (!parsed.ok && walk.options.repairs === true) {
    repairSetting(walk, path, setting, value, parsed.message)
    return
  }
  if (!parsed.ok) {
    walk.refused.add(path)
    walk.errors.push(
      problem(walk, path, `${shown(setting, value)}${parsed.message}`, `Expected: ${setting.leaf.type}.`),
    )
    return
  }
  walk.values.set(path, parsed.value)
  if (parsed.warning !== undefined) walk.warnings.push(problem(walk, path, parsed.warning, null))
}

function repairSetting(walk: Walk, path: string, setting: AnySetting, value: Json, message: string): void {
  const repaired = setting.leaf.repair?.(value) ?? null
  const how =
    repaired?.how ?? (setting.shown === 'empty' ? 'it is ignored' : `the default is used, ${setting.shown}`)
  walk.values.set(path, repaired === null ? setting.fallback : repaired.value)
  walk.warnings.push(problem(walk, path, `${shown(setting, value)}${message}: ${how}`, null))
}

/**
 * Simple values are quoted in the message, unless they are secret or in the place of a list or mapping that may hold
 * secrets.
 */
function shown(setting: AnySetting, value: Json): string {
  if (setting.secret || setting.leaf.fromEnvironment !== 'text' || typeof value === 'object' || value === '')
    return ''
  const text = JSON.stringify(value)
  return text.length > 60 ? '' : `${text} `
}

/** One warning per topic, however many of its keys are set. */
function warnUnsupported(walk: Walk): void {
  const told = new Set<string>()
  for (const [path, value] of walk.values) {
    const setting = ownSetting(walk.schema, path)
    if (setting === undefined || setting.support.kind === 'yes' || told.has(setting.support.topic)) continue
    if (sameAsDefault(value, setting.fallback)) continue
    const { kind, topic, consequence } = setting.support
    told.add(topic)
    const message =
      kind === 'later'
        ? `not supported yet by this version of hactl: ${consequence}`
        : `has no effect: ${consequence}`
    walk.warnings.push(problem(walk, path, message, null))
  }
}

function sameAsDefault(value: unknown, fallback: unknown): boolean {
  // Values that leaves produce are plain data.
  return deepEqualText(value as Json, fallback as Json)
}

function problem(walk: Walk, path: string, message: string, hint: string | null): Problem {
  const full = walk.options.prefix + path
  return { path: full, place: walk.options.placeOf(full), message, hint }
}

function ownSetting(schema: Schema, path: string): AnySetting | undefined {
  return Object.hasOwn(schema, path) ? schema[path] : undefined
}

/** Follows a dotted path of plain keys; undefined when something on the way is absent or no mapping. */
export function at(tree: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = tree
  for (const key of path.split('.')) value = isJsonObject(value) ? own(value, key) : undefined
  return value
}
