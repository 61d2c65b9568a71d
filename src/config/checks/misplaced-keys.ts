// Where a misplaced key belongs, and what a misspelt one was meant to be.

import { slipsBetween } from '../../model/command/nearest.ts'
import { DYNAMIC, LOCAL, sectionsOf } from '../schema/schema.ts'
import { PARAMETER_NAMES } from './parameter-rules.ts'

/** `local`: the file of a node; `dynamic`: the document in etcd; `bootstrap`: bootstrap.dcs in the file. */
type Document = 'local' | 'dynamic' | 'bootstrap'

export interface Advice {
  readonly message: string
  readonly hint: string | null
}

/** For a key that no setting has. `path` is its place inside the document. */
export function adviseUnknown(path: string, document: Document): Advice {
  // The walk asks only about paths that no setting has, so this one can only be a single key with dots in it.
  if (isKnown(path))
    return { message: 'is one key with dots in it, which nothing reads', hint: 'Write it as nested keys.' }
  const key = lastPart(path)
  const places = placesOf(path, document)
  if (places.length > 0 && places.length <= 3) {
    return {
      message: `is not read here: ${key} belongs under ${places.join(' or ')}`,
      hint: 'Move it there.',
    }
  }
  const parent = parentOf(path)
  const siblings = childrenOf(parent, document)
  const guess = nearest(key, siblings)
  if (guess !== null)
    return { message: 'is not known and has no effect', hint: `Perhaps ${join(parent, guess)} is meant.` }
  const far = nearest(key, [...ALL_KEYS.keys()])
  const farPlaces = far === null ? [] : placesOf(join('?', far), document)
  const hint =
    far === null || farPlaces.length === 0 ? null : `Perhaps ${far} under ${farPlaces[0]} is meant.`
  return { message: 'is not known and has no effect', hint }
}

/** For a key that only the dynamic configuration decides, in the local file. */
export function adviseDynamicOnly(path: string): Advice {
  return {
    message:
      `is ignored here: only the dynamic configuration decides it; ${lastPart(path)} belongs under ` +
      `${dotted('bootstrap.dcs', parentOf(path))}`,
    hint: 'Change it in a running cluster with hactl edit-config.',
  }
}

/** For a key of the local file in the dynamic configuration. */
export function adviseLocalOnly(path: string): Advice {
  return {
    message: 'is ignored here: it is read from the local file of each node',
    hint: `Set ${path} in the local file.`,
  }
}

/** The closest of `candidates`, at most two slips away (one for short words); null when none is close. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const limit = word.length < 5 ? 1 : 2
  let best: { readonly name: string; readonly slips: number } | null = null
  for (const name of candidates) {
    if (Math.abs(name.length - word.length) > limit) continue
    const slips = slipsBetween(word, name)
    if (slips <= limit && (best === null || slips < best.slips)) best = { name, slips }
  }
  return best?.name ?? null
}

interface Home {
  readonly document: 'local' | 'dynamic'
  readonly parent: string
}

/** Last part of each known path (settings and sections) to the sections that have it. */
const ALL_KEYS: ReadonlyMap<string, readonly Home[]> = collectHomes()

function collectHomes(): ReadonlyMap<string, readonly Home[]> {
  const homes = new Map<string, readonly Home[]>()
  const paths = [
    ...[...Object.keys(LOCAL), ...sectionsOf(LOCAL)].map(path => ({ document: 'local' as const, path })),
    ...Object.keys(DYNAMIC)
      .filter(path => !Object.hasOwn(LOCAL, path))
      .map(path => ({ document: 'dynamic' as const, path })),
  ]
  for (const { document, path } of paths) {
    const key = lastPart(path)
    homes.set(key, [...(homes.get(key) ?? []), { document, parent: parentOf(path) }])
  }
  return homes
}

function placesOf(path: string, document: Document): readonly string[] {
  const key = lastPart(path)
  const homes = ALL_KEYS.get(key) ?? []
  if (homes.length === 0 && PARAMETER_NAMES.has(key.toLowerCase())) return [parametersPlace(key, document)]
  return [...new Set(homes.map(home => placeName(home, key, document)))].filter(
    place => place !== parentOf(path),
  )
}

function placeName(home: Home, key: string, document: Document): string {
  const path = join(home.parent, key)
  if (document === 'local')
    return home.document === 'dynamic' ? dotted('bootstrap.dcs', home.parent) : home.parent || 'the top level'
  const shared = home.document === 'dynamic' || Object.hasOwn(DYNAMIC, path)
  if (!shared) return `${home.parent || 'the top level'} of the local file`
  const base = document === 'bootstrap' ? 'bootstrap.dcs' : ''
  return dotted(base, home.parent) || 'the top level'
}

function parametersPlace(key: string, document: Document): string {
  if (document === 'dynamic') return 'postgresql.parameters'
  const dynamicOnly = PARAMETER_NAMES.get(key.toLowerCase()) === 'dynamic'
  return document === 'bootstrap' || dynamicOnly
    ? 'bootstrap.dcs.postgresql.parameters'
    : 'postgresql.parameters'
}

function childrenOf(parent: string, document: Document): readonly string[] {
  const schema = document === 'local' ? LOCAL : DYNAMIC
  const prefix = parent === '' ? '' : `${parent}.`
  const names = Object.keys(schema)
    .filter(path => path.startsWith(prefix))
    .map(path => path.slice(prefix.length).split('.')[0] ?? '')
  return [...new Set(names)]
}

function isKnown(path: string): boolean {
  return Object.hasOwn(LOCAL, path) || Object.hasOwn(DYNAMIC, path)
}

function dotted(base: string, rest: string): string {
  return base === '' || rest === '' ? base + rest : `${base}.${rest}`
}

function join(parent: string, key: string): string {
  return dotted(parent, key)
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

function parentOf(path: string): string {
  return path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : ''
}
