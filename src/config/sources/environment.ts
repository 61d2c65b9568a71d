// PATRONI_* variables as one more source over the file. Lists and mappings may be YAML; empty values count as unset.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { patchDocument } from '../../model/settings/patch.ts'
import type { Problem, ProblemPlace } from '../../model/settings/problem.ts'
import { isJsonArray } from '../../model/settings/values.ts'
import { nearest } from '../checks/misplaced-keys.ts'
import { OTHER_STORES } from '../schema/general-sections.ts'
import { type Leaf, splitCommas } from '../schema/leaf.ts'
import { OLD_VARIABLES } from '../schema/log-section.ts'
import { LOCAL } from '../schema/schema.ts'
import type { Schema } from '../schema/setting.ts'
import { EMPTY_SOURCE, type Source } from './config-files.ts'
import { asMapping, parseYaml } from './yaml.ts'

type Environment = NodeJS.ProcessEnv

/** The document as a whole, in place of a file; every other variable is then ignored. */
export const WHOLE_DOCUMENT = 'PATRONI_CONFIGURATION'

interface Variable {
  readonly name: string
  readonly path: string
  readonly read: Leaf<unknown>['fromEnvironment']
}

/** Reads all variables that are set; unknown PATRONI_* names are warned about. */
export async function readEnvironment(env: Environment): Promise<Source> {
  const names = Object.keys(env)
  let source: Source = EMPTY_SOURCE
  for (const { name, path, read } of [...variables(), ...otherStores(names)]) {
    const text = env[name]
    if (text === undefined || text.trim() === '') continue
    source = withValue(source, path, await readValue(text, read), { kind: 'environment', name })
  }
  return { ...source, warnings: unknownVariables(names) }
}

/** True when some variable would set a key. */
export function hasVariables(env: Environment): boolean {
  return Object.entries(env).some(
    ([name, text]) => name.startsWith('PATRONI_') && name !== WHOLE_DOCUMENT && text !== '',
  )
}

/** Every variable that sets a key; of two that set the same one the later wins, so old names come first. */
export function variables(): readonly Variable[] {
  const schema: Schema = LOCAL
  const current = Object.entries(schema).flatMap(([path, { env, leaf }]) =>
    env === null ? [] : [{ name: env, path, read: leaf.fromEnvironment }],
  )
  // Patroni reads the same names for its etcd v2 client; that section is taken as etcd3 (etcd.ts).
  const version2 = current
    .filter(({ name }) => name.startsWith('PATRONI_ETCD3_'))
    .map(variable => ({
      ...variable,
      name: variable.name.replace('PATRONI_ETCD3_', 'PATRONI_ETCD_'),
      path: variable.path.replace('etcd3.', 'etcd.'),
    }))
  const old = Object.entries(OLD_VARIABLES).map(([name, path]) => ({ name, path, read: 'text' as const }))
  return [...old, ...current, ...version2]
}

/** Variables of the stores that hactl refuses must not pass unnoticed: with them Patroni would use that store. */
function otherStores(names: readonly string[]): readonly Variable[] {
  return OTHER_STORES.flatMap(store => {
    const prefix = `PATRONI_${store.toUpperCase()}_`
    return names
      .filter(name => name.startsWith(prefix))
      .map(name => ({
        name,
        path: `${store}.${name.slice(prefix.length).toLowerCase()}`,
        read: 'text' as const,
      }))
  })
}

async function readValue(text: string, how: Variable['read']): Promise<Json> {
  if (how === 'text') return text
  if (how === 'list') return readList(text)
  if (how === 'format') return /%\(\w+\)/.test(text) ? text : readList(text)
  const braced = text.trim().startsWith('{') || text.includes('\n') ? text : `{${text}}`
  const { value } = await parseYaml(braced, null)
  // Anything but a mapping stays text, and the check of the setting reports it.
  return asMapping(value) ?? text
}

/** `a, b`, `'a:1','b:2'` (as Patroni's documentation writes etcd hosts), or a YAML list. */
async function readList(text: string): Promise<Json> {
  const trimmed = text.trim()
  const isYaml = /^(?:\[|- )/.test(trimmed)
  if (!isYaml && !/["']/.test(trimmed)) return splitCommas(trimmed)
  const { value } = await parseYaml(isYaml ? trimmed : `[${trimmed}]`, null)
  return value !== undefined && isJsonArray(value) ? value : splitCommas(trimmed)
}

function withValue(source: Source, path: string, value: Json, place: ProblemPlace): Source {
  const keys = path.split('.')
  const patch = keys.reduceRight<Json>((inner, key) => ({ [key]: inner }), value)
  const tree: JsonObject = asMapping(patchDocument(source.tree, patch)) ?? {}
  const notAsTyped = new Map([...source.notAsTyped].filter(([of]) => of !== path))
  return { ...source, tree, notAsTyped, places: new Map([...source.places, [path, place]]) }
}

function unknownVariables(names: readonly string[]): readonly Problem[] {
  const known = new Set([WHOLE_DOCUMENT, ...variables().map(variable => variable.name)])
  const others = OTHER_STORES.map(store => `PATRONI_${store.toUpperCase()}_`)
  return names
    .filter(
      name =>
        name.startsWith('PATRONI_') && !known.has(name) && !others.some(prefix => name.startsWith(prefix)),
    )
    .map(name => {
      const guess = nearest(name, [...known])
      return {
        path: null,
        place: { kind: 'environment', name } as const,
        message: 'is not known and has no effect',
        hint: guess === null ? null : `Perhaps ${guess} is meant.`,
      }
    })
}
