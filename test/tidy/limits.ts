// One idea a file, one screen a function: 300 and 70 lines. A list of test cases may be longer: 500 lines.

import { lineAt, type Source } from './source.ts'

const fileLines = 300
const testFileLines = 500
const functionLines = 70

/** Tables of data may be as long as what they list. */
export function longFile(path: string, text: string): string[] {
  const lines = text.replace(/\n$/, '').split('\n').length
  const limit = path.endsWith('.test.ts') ? testFileLines : fileLines
  if (lines <= limit || path.endsWith('.data.ts')) return []
  return [`${path}: ${lines} lines, the limit is ${limit}: split it by idea`]
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

export function longFunctions(source: Source): string[] {
  return source.nodes.flatMap(node => {
    if (!functions.has(node.type)) return []
    const first = lineAt(source, node.start)
    return tooLong(source.path, first, lineAt(source, node.end) - first + 1)
  })
}

/** C functions in the project's layout: the body's closing brace is the only one at the start of a line. */
export function longCFunctions(path: string, text: string): string[] {
  const problems: string[] = []
  let first: number | null = null
  for (const [index, line] of text.split('\n').entries()) {
    if (/^(\{|[a-z].*\)\s*\{)$/i.test(line)) first = index + 1
    if (line.startsWith('}') && first !== null) {
      problems.push(...tooLong(path, first, index + 2 - first))
      first = null
    }
  }
  return problems
}

export function noOpeningComment(source: Source): string[] {
  const start = source.text.startsWith('#!') ? source.text.indexOf('\n') + 1 : 0
  if (source.comments.some(comment => comment.start === start)) return []
  return [`${source.path}: start with one to three sentences that say what the file is for`]
}

function tooLong(path: string, firstLine: number, lines: number): string[] {
  if (lines <= functionLines) return []
  return [`${path}:${firstLine}: function of ${lines} lines, the limit is ${functionLines}: name its parts`]
}

const FILES_MAX = 22

/** A folder that cannot be taken in at one look has parts that do not show. */
export function crowdedFolders(paths: readonly string[]): readonly string[] {
  const files = new Map<string, number>()
  for (const path of paths) {
    const folder = path.slice(0, path.lastIndexOf('/'))
    files.set(folder, (files.get(folder) ?? 0) + 1)
  }
  return [...files]
    .filter(([, count]) => count > FILES_MAX)
    .map(
      ([folder, count]) =>
        `${folder}: ${count} files, the limit is ${FILES_MAX}: give them an order that shows`,
    )
}
