// Reads source files as syntax trees, for the rules of test/tidy.test.ts. The parser is the one that vitest brings.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSync } from 'vite'

/** A node of the syntax tree, of which the rules look at a few fields only. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

export interface Source {
  /** From the top of the tree: `src/act/act.ts`. */
  readonly path: string
  readonly text: string
  readonly nodes: readonly Node[]
  readonly comments: readonly { readonly value: string; readonly start: number; readonly end: number }[]
  readonly imports: readonly Import[]
}

export interface Import {
  /** As written: `../model/units.ts`, `node:fs`, `pg`. */
  readonly specifier: string
  readonly start: number
}

export const top = join(import.meta.dirname, '..', '..')

export function parse(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  const nodes: Node[] = []
  collect(program, nodes)
  return { path, text, nodes, comments, imports: importsOf(nodes) }
}

/** Every TypeScript file under the folders, parsed; a folder that does not exist has none. */
export async function readSources(folders: readonly string[]): Promise<readonly Source[]> {
  const paths = (await Promise.all(folders.map(filesUnder))).flat()
  const wanted = paths.filter(path => path.endsWith('.ts')).sort()
  return Promise.all(wanted.map(async path => parse(path, await readFile(join(top, path), 'utf8'))))
}

/** Paths of all files under a folder, from the top of the tree. */
export async function filesUnder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(top, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(top.length + 1))
}

/** `src/act/act.ts:12`, for messages. */
export function place(source: Source, offset: number): string {
  return `${source.path}:${lineAt(source, offset)}`
}

export function lineAt(source: Source, offset: number): number {
  return source.text.slice(0, offset).split('\n').length
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

function collect(value: unknown, into: Node[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, into)
  } else if (isNode(value)) {
    into.push(value)
    for (const field of Object.values(value)) collect(field, into)
  }
}

const importing = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
])

function importsOf(nodes: readonly Node[]): Import[] {
  return nodes.flatMap(node => {
    if (!importing.has(node.type) || !isNode(node.source) || typeof node.source.value !== 'string') return []
    return [{ specifier: node.source.value, start: node.start }]
  })
}
