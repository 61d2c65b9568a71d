// The table package under a name of our own, for tables with long texts that are folded to the terminal's width. It is
// loaded only when such a table is printed.

import Table from 'cli-table3'

export interface FoldedTable {
  readonly head: readonly string[]
  readonly rightAligned: readonly number[]
  readonly rows: readonly (readonly string[])[]
  /** The last column is folded so that the table is not wider; null: as wide as it needs. */
  readonly widthMax: number | null
}

const CHARS = {
  ...{ top: '-', 'top-mid': '+', 'top-left': '+', 'top-right': '+' },
  ...{ bottom: '-', 'bottom-mid': '+', 'bottom-left': '+', 'bottom-right': '+' },
  ...{ left: '|', 'left-mid': '+', mid: '-', 'mid-mid': '+', right: '|', 'right-mid': '+', middle: '|' },
}
const LAST_COLUMN_MIN = 20

export function foldedTable({ head, rightAligned, rows, widthMax }: FoldedTable): string {
  const last = head.length - 1
  const needed = head.map(
    (title, index) => Math.max(title.length, ...rows.map(row => row[index]?.length ?? 0)) + 2,
  )
  const others = needed.slice(0, last).reduce((sum, width) => sum + width + 1, 2)
  const room = widthMax === null ? Number.POSITIVE_INFINITY : Math.max(LAST_COLUMN_MIN, widthMax - others)
  const table = new Table({
    head: [...head],
    chars: CHARS,
    // The package colours also what goes into a pipe, unless it is told not to.
    style: { head: [], border: [] },
    colAligns: head.map((_, index) => (rightAligned.includes(index) ? 'right' : 'left')),
    colWidths: needed.map((width, index) => (index === last ? Math.min(width, room) : width)),
    wordWrap: true,
  })
  table.push(...rows.map(row => [...row]))
  return withoutInnerRules(table.toString())
}

/** A rule below the head only: a row that is folded is told apart by its empty first cell. */
function withoutInnerRules(text: string): string {
  const lines = text.split('\n')
  return lines
    .filter((line, index) => !line.startsWith('+') || index < 3 || index === lines.length - 1)
    .join('\n')
}
