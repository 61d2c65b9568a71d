// Unified diff of two short texts, for `edit-config`: three lines of context, headers without names, as patronictl
// prints it. The package finds the lines; its own text would say `1,1` where patronictl says `1`.

import { styleText } from 'node:util'
import { structuredPatch } from 'diff'

const CONTEXT = 3
/** Documents with more differing lines are shown as replaced as a whole: the time to compare grows with the square. */
const CHANGED_LINES_MAX = 1000

/** Both texts end with a newline. Empty when they are equal. */
export function unifiedDiff(before: string, after: string): string {
  if (before === after) return ''
  const options = { context: CONTEXT, maxEditLength: CHANGED_LINES_MAX }
  const hunks = structuredPatch('', '', before, after, '', '', options)?.hunks ?? [wholeHunk(before, after)]
  const lines = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
    `@@ -${span(oldStart, oldLines)} +${span(newStart, newLines)} @@`,
    ...lines,
  ])
  return `${['--- ', '+++ ', ...lines].join('\n')}\n`
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

/** An empty range is named by the line before it. */
function span(start: number, length: number): string {
  if (length === 1) return `${start}`
  return `${length === 0 ? start - 1 : start},${length}`
}

function wholeHunk(before: string, after: string) {
  const [removed, added] = [linesOf(before), linesOf(after)]
  const lines = [...removed.map(line => `-${line}`), ...added.map(line => `+${line}`)]
  return { oldStart: 1, oldLines: removed.length, newStart: 1, newLines: added.length, lines }
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').slice(0, -1)
}
