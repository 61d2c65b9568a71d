// Reads an operator's postgresql.conf and the files that it includes, because the server that knows may be stopped or
// another node's. It understands enough of PostgreSQL's grammar for that and judges nothing.

import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readIfPresent } from './durable-file.ts'

interface Assignment {
  /** Lower case. */
  readonly name: string
  readonly value: string
  /** The file in which it was found. */
  readonly file: string
}

export interface ConfChain {
  /** In the order in which PostgreSQL reads them: the last one of a name counts. */
  readonly assignments: readonly Assignment[]
  /** The file itself and the files that it includes, as far as they exist. */
  readonly files: readonly string[]
}

/** PostgreSQL's own limit; it also ends a file that includes itself. */
const DEPTH_MAX = 10

/** A missing file yields nothing. Errors of the file system are passed on. */
export async function readConfChain(path: string, depth = 0): Promise<ConfChain> {
  const text = depth > DEPTH_MAX ? null : await readIfPresent(path)
  if (text === null) return { assignments: [], files: [] }
  const assignments: Assignment[] = []
  const files = [path]
  // One character per byte: file names stay unchanged in any encoding.
  for (const line of text.toString('latin1').split('\n')) {
    const parsed = parseLine(line)
    if (parsed === null) continue
    const included = await includedFiles(parsed, path)
    if (included === null) assignments.push({ ...parsed, file: path })
    for (const file of included ?? []) {
      const inner = await readConfChain(file, depth + 1)
      assignments.push(...inner.assignments)
      files.push(...inner.files)
    }
  }
  return { assignments, files }
}

/** The value in force; null: not set. */
export function lastValue({ assignments }: ConfChain, name: string): string | null {
  return assignments.findLast(assignment => assignment.name === name)?.value ?? null
}

/** null: an ordinary setting. */
async function includedFiles(
  { name, value }: { readonly name: string; readonly value: string },
  from: string,
): Promise<readonly string[] | null> {
  const target = resolve(dirname(from), Buffer.from(value, 'latin1').toString())
  if (name === 'include' || name === 'include_if_exists') return [target]
  if (name !== 'include_dir') return null
  const names = await readdir(target).catch(() => [])
  return names
    .filter(file => file.endsWith('.conf') && !file.startsWith('.'))
    .sort()
    .map(file => join(target, file))
}

/** `name = value`, the sign may be left out; a value in quotes ends at the quote, another one at a blank or a `#`. */
function parseLine(line: string): { readonly name: string; readonly value: string } | null {
  const match = /^\s*([A-Za-z_][\w.$]*)(?:\s*=\s*|\s+)(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))/.exec(line)
  if (match === null) return null
  const [, name = '', quoted, plain = ''] = match
  return { name: name.toLowerCase(), value: quoted === undefined ? plain : unescaped(quoted) }
}

function unescaped(text: string): string {
  const letters: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }
  return text.replace(/''|\\(.)/gs, (_whole, letter: string | undefined) =>
    letter === undefined ? "'" : (letters[letter] ?? letter),
  )
}
