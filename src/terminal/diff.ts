// Unified diff of two short texts, for `edit-config`: three lines of context, headers without names, as patronictl
// prints it.

import { styleText } from 'node:util'

interface Edit {
  readonly mark: ' ' | '-' | '+'
  readonly line: string
}

const CONTEXT = 3
/** Longer documents are shown as replaced: the table below grows with the square. */
const LINES_MAX = 4000

/** Empty when the texts are equal. */
export function unifiedDiff(before: string, after: string): string {
  if (before === after) return ''
  const edits = editsBetween(linesOf(before), linesOf(after))
  return `${['--- ', '+++ ', ...hunks(edits)].join('\n')}\n`
}

/** Red and green when stdout is a terminal that wants colours. */
export function colouredDiff(diff: string): string {
  return diff
    .split('\n')
    .map(line =>
      line.startsWith('-') ? styleText('red', line) : line.startsWith('+') ? styleText('green', line) : line,
    )
    .join('\n')
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function editsBetween(before: readonly string[], after: readonly string[]): readonly Edit[] {
  if (before.length > LINES_MAX || after.length > LINES_MAX) {
    return [
      ...before.map(line => ({ mark: '-' as const, line })),
      ...after.map(line => ({ mark: '+' as const, line })),
    ]
  }
  const common = commonLengths(before, after)
  const edits: Edit[] = []
  let [left, right] = [0, 0]
  while (left < before.length || right < after.length) {
    const [old, fresh] = [before[left], after[right]]
    if (old !== undefined && old === fresh) {
      edits.push({ mark: ' ', line: old })
      left += 1
      right += 1
    } else if (old !== undefined && lengthAt(common, left + 1, right) >= lengthAt(common, left, right + 1)) {
      edits.push({ mark: '-', line: old })
      left += 1
    } else {
      edits.push({ mark: '+', line: fresh ?? '' })
      right += 1
    }
  }
  return edits
}

/** Row i, column j: how many lines the rests from i and from j have in common, in order. */
function commonLengths(before: readonly string[], after: readonly string[]): readonly Uint16Array[] {
  const table = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 2))
  for (let row = before.length - 1; row >= 0; row -= 1) {
    const [current, below] = [table[row], table[row + 1]]
    if (current === undefined || below === undefined) continue
    for (let column = after.length - 1; column >= 0; column -= 1) {
      current[column] =
        before[row] === after[column]
          ? (below[column + 1] ?? 0) + 1
          : Math.max(below[column] ?? 0, current[column + 1] ?? 0)
    }
  }
  return table
}

function lengthAt(table: readonly Uint16Array[], row: number, column: number): number {
  return table[row]?.[column] ?? 0
}

function hunks(edits: readonly Edit[]): readonly string[] {
  const changed = edits.flatMap((edit, index) => (edit.mark === ' ' ? [] : [index]))
  const ranges: (readonly [from: number, to: number])[] = []
  for (const index of changed) {
    const [from, to] = [Math.max(0, index - CONTEXT), Math.min(edits.length, index + CONTEXT + 1)]
    const last = ranges.at(-1)
    if (last !== undefined && from <= last[1]) ranges[ranges.length - 1] = [last[0], to]
    else ranges.push([from, to])
  }
  return ranges.flatMap(([from, to]) => hunk(edits, from, to))
}

function hunk(edits: readonly Edit[], from: number, to: number): readonly string[] {
  const count = (part: readonly Edit[], without: string) => part.filter(edit => edit.mark !== without).length
  const [skipped, shown] = [edits.slice(0, from), edits.slice(from, to)]
  const span = (without: string) => {
    const length = count(shown, without)
    const start = count(skipped, without) + (length === 0 ? 0 : 1)
    return length === 1 ? `${start}` : `${start},${length}`
  }
  return [`@@ -${span('+')} +${span('-')} @@`, ...shown.map(edit => edit.mark + edit.line)]
}
