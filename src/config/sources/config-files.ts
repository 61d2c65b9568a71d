// Where the configuration comes from: one file, or a directory whose *.yml and *.yaml are merged in the order of their
// names with the rules of a PATCH. Reads are bounded in size and time.

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '../../model/cluster/cluster.ts'
import { codeOrText, errorCode } from '../../model/error-text.ts'
import { patchDocument } from '../../model/settings/patch.ts'
import type { Problem, ProblemPlace } from '../../model/settings/problem.ts'
import { asMapping, type NotAsTyped, parseYaml } from './yaml.ts'

/** A configuration as written, and the place of each key. */
export interface Source {
  readonly tree: JsonObject
  /** By dotted path. */
  readonly places: ReadonlyMap<string, ProblemPlace>
  /** By dotted path: unquoted values that YAML reads as something other than what was typed. */
  readonly notAsTyped: ReadonlyMap<string, NotAsTyped>
  /** Files that every user of this machine may read. */
  readonly openFiles: readonly string[]
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

export const EMPTY_SOURCE: Source = {
  tree: {},
  places: new Map(),
  notAsTyped: new Map(),
  openFiles: [],
  errors: [],
  warnings: [],
}

const BYTES_MAX = 1024 * 1024
const FILES_MAX = 100
/** A file system that hangs (a dead NFS server) must not hang the agent silently. */
const READ_MS_MAX = 10_000

/** null: there is nothing at `path`. */
export async function readSource(path: string): Promise<Source | null> {
  const files = await withinTime(listFiles(path))
  if (files === 'timeout') return failed(path, `cannot be read: no answer within ${READ_MS_MAX / 1000} s`)
  if (files.kind === 'missing') return null
  if (files.kind === 'unreadable') return failed(path, files.why)
  let merged: Source = EMPTY_SOURCE
  for (const file of files.names) {
    const text = await withinTime(readText(file))
    const next =
      text === 'timeout'
        ? failed(file, 'cannot be read in time')
        : text.ok
          ? { ...(await parseSource(text.text, file)), openFiles: text.isOpen ? [file] : [] }
          : failed(file, text.why)
    merged = mergeSources(merged, next)
  }
  return merged
}

/** `file` is what problems name as the place, e.g. the path. */
export async function parseSource(text: string, file: string): Promise<Source> {
  const parsed = await parseYaml(text, file)
  const places = new Map(
    [...parsed.lines].map(([path, line]) => [path, { kind: 'file', file, line } as const]),
  )
  const tree = asMapping(parsed.value)
  if (tree !== null || parsed.value === undefined) {
    const { notAsTyped, errors, warnings } = parsed
    return { tree: tree ?? {}, places, notAsTyped, openFiles: [], errors, warnings }
  }
  return failed(file, parsed.value === null ? 'is empty' : 'is not a mapping (key: value)')
}

/** The later one wins, key by key. */
export function mergeSources(earlier: Source, later: Source): Source {
  const tree = asMapping(patchDocument(earlier.tree, later.tree)) ?? {}
  return {
    tree,
    places: new Map([...earlier.places, ...later.places]),
    notAsTyped: new Map([
      ...[...earlier.notAsTyped].filter(([path]) => !later.places.has(path)),
      ...later.notAsTyped,
    ]),
    openFiles: [...earlier.openFiles, ...later.openFiles],
    errors: [...earlier.errors, ...later.errors],
    warnings: [...earlier.warnings, ...later.warnings],
  }
}

function failed(file: string, message: string): Source {
  return {
    ...EMPTY_SOURCE,
    errors: [{ path: null, place: { kind: 'file', file, line: null }, message, hint: null }],
  }
}

type Listing =
  | { readonly kind: 'files'; readonly names: readonly string[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly why: string }

async function listFiles(path: string): Promise<Listing> {
  try {
    const what = await stat(path)
    if (what.isFile()) return { kind: 'files', names: [path] }
    if (!what.isDirectory()) return { kind: 'unreadable', why: 'is neither a file nor a directory' }
    const entries = (await readdir(path)).filter(name => /\.ya?ml$/.test(name)).sort(byCodePoint)
    const names: string[] = []
    for (const name of entries.slice(0, FILES_MAX)) {
      const file = join(path, name)
      if ((await stat(file)).isFile()) names.push(file)
    }
    if (entries.length > FILES_MAX) return { kind: 'unreadable', why: `has more than ${FILES_MAX} files` }
    return names.length > 0
      ? { kind: 'files', names }
      : { kind: 'unreadable', why: 'has no *.yml or *.yaml file' }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'missing' }
    return { kind: 'unreadable', why: `cannot be read (${codeOrText(error)})` }
  }
}

type Text = { ok: true; text: string; isOpen: boolean } | { ok: false; why: string }

async function readText(file: string): Promise<Text> {
  try {
    const handle = await open(file, 'r')
    try {
      const buffer = Buffer.alloc(BYTES_MAX + 1)
      const { bytesRead } = await readFully(handle, buffer)
      if (bytesRead > BYTES_MAX) return { ok: false, why: `is larger than ${BYTES_MAX} bytes` }
      const isOpen = ((await handle.stat()).mode & 0o004) !== 0
      return { ok: true, text: buffer.toString('utf8', 0, bytesRead), isOpen }
    } finally {
      await handle.close()
    }
  } catch (error) {
    return { ok: false, why: `cannot be read (${codeOrText(error)})` }
  }
}

async function readFully(
  handle: Awaited<ReturnType<typeof open>>,
  buffer: Buffer,
): Promise<{ readonly bytesRead: number }> {
  let bytesRead = 0
  while (bytesRead < buffer.length) {
    const part = await handle.read(buffer, bytesRead, buffer.length - bytesRead)
    if (part.bytesRead === 0) break
    bytesRead += part.bytesRead
  }
  return { bytesRead }
}

async function withinTime<T>(work: Promise<T>): Promise<T | 'timeout'> {
  const { promise, resolve } = Promise.withResolvers<'timeout'>()
  const timer = setTimeout(() => resolve('timeout'), READ_MS_MAX)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Python sorts names by code point. */
function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
