// Exports that nobody uses. What only its own file needs is no export, and what only tests need is no part of the program:
// a test is a user only of what the program runs as well, so that it may look at a part by itself.

import { posix } from 'node:path'
import { isNode, type Node, place, type Source } from './source.ts'

interface Export {
  readonly name: string
  readonly start: number
}

/** `entries`: files whose exports are used from elsewhere than TypeScript (bin/, oclif). */
export function unusedExports(
  program: readonly Source[],
  tests: readonly Source[],
  entries: readonly string[] = [],
): string[] {
  const byProgram = usesOf(program)
  const byTests = usesOf(tests)
  return program
    .filter(({ path }) => !entries.includes(path))
    .flatMap(source =>
      exportsOf(source).flatMap(({ name, start }) => {
        if (isUsed(byProgram, source.path, name)) return []
        const what = `${place(source, start)}: ${name}`
        if (!isUsed(byTests, source.path, name)) return [`${what} is used by no other file: do not export it`]
        return isUsedWithin(source, name) ? [] : [`${what} is used by tests alone: delete it, and them`]
      }),
    )
}

/** `file#name` of all that is imported; `file#*` of what is imported as a whole. */
function usesOf(sources: readonly Source[]): ReadonlySet<string> {
  const uses = sources.flatMap(source =>
    source.nodes.flatMap(node => {
      const specifier = isNode(node.source) ? node.source.value : null
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return []
      const target = posix.join(posix.dirname(source.path), specifier)
      return namesTaken(node).map(name => `${target}#${name}`)
    }),
  )
  return new Set(uses)
}

function isUsed(uses: ReadonlySet<string>, path: string, name: string): boolean {
  return uses.has(`${path}#${name}`) || uses.has(`${path}#*`)
}

function namesTaken(node: Node): readonly string[] {
  switch (node.type) {
    case 'ImportDeclaration':
      return listOf(node.specifiers).map(one =>
        one.type === 'ImportSpecifier'
          ? nameOf(one.imported)
          : one.type === 'ImportDefaultSpecifier'
            ? 'default'
            : '*',
      )
    case 'ExportNamedDeclaration':
      return listOf(node.specifiers).map(one => nameOf(one.local))
    default:
      return ['*']
  }
}

function exportsOf({ nodes }: Source): readonly Export[] {
  return nodes
    .filter(node => node.type === 'ExportNamedDeclaration')
    .flatMap(node => {
      const { start } = node
      const named = listOf(node.specifiers).map(one => ({ name: nameOf(one.exported), start }))
      return [...named, ...declaredNames(node.declaration).map(name => ({ name, start }))]
    })
}

/** `export const { a, b } = …` declares two. */
function declaredNames(declaration: unknown): readonly string[] {
  if (!isNode(declaration)) return []
  const declared =
    declaration.type === 'VariableDeclaration' ? listOf(declaration.declarations) : [declaration]
  return declared.flatMap(({ id }) => (isNode(id) ? namesBound(id) : []))
}

function namesBound(id: Node): readonly string[] {
  if (id.type === 'Identifier') return [nameOf(id)]
  const parts = [...listOf(id.properties), ...listOf(id.elements)]
  return parts.flatMap(part => namesBound(isNode(part.value) ? part.value : part))
}

/** Somewhere else than where it is declared. */
function isUsedWithin({ nodes }: Source, name: string): boolean {
  return nodes.filter(node => node.type === 'Identifier' && node.name === name).length > 1
}

function listOf(value: unknown): readonly Node[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

function nameOf(node: unknown): string {
  return isNode(node) ? String(node.name ?? node.value) : ''
}
