// Boxes of `+ - |` as patronictl draws them: title in the top border, a rule between all rows as soon as one cell has
// several lines. The output is compared byte for byte with patronictl's in test/commands. The package knows how wide
// the characters are.

import Table from 'cli-table3'

type Align = 'left' | 'right'

export interface BoxColumn {
  readonly title: string
  readonly align: Align
}

interface BoxTable {
  /** Cut to the width of the border; null: a plain border. */
  readonly title: string | null
  readonly columns: readonly BoxColumn[]
  /** Cells may hold several lines. */
  readonly rows: readonly (readonly string[])[]
}

type Rows = BoxTable['rows']

const CHARS = {
  ...{ top: '-', 'top-mid': '+', 'top-left': '+', 'top-right': '+' },
  ...{ bottom: '-', 'bottom-mid': '+', 'bottom-left': '+', 'bottom-right': '+' },
  ...{ left: '|', 'left-mid': '+', mid: '-', 'mid-mid': '+', right: '|', 'right-mid': '+', middle: '|' },
}
/** The package compares each cell with all before it: 8000 rows at once took 16 s. */
const ROWS_AT_ONCE = 100
const FOLDED_WIDTH_MIN = 20

export function boxTable({ title, columns, rows }: BoxTable): string {
  const isRuled = rows.some(row => row.some(cell => cell.includes('\n')))
  const blocks = Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) || 1 }, (_, index) =>
    rows.slice(index * ROWS_AT_ONCE, (index + 1) * ROWS_AT_ONCE),
  )
  const narrow = blocks.map(block => drawn(columns, block, { isRuled }))
  const widths = widest(narrow)
  const border = `+${widths.map(width => '-'.repeat(width)).join('+')}+`
  const drawings = narrow.map((lines, index) =>
    lines[0] === border ? lines : drawn(columns, blocks[index] ?? [], { isRuled, widths }),
  )
  // A block after the first one adds only its rows, and a rule before them if all rows have one.
  const bodies = drawings.map((lines, index) =>
    index === 0 ? lines.slice(1, -1) : lines.slice(lines.indexOf(border, 1) + (isRuled ? 0 : 1), -1),
  )
  // Without rows, patronictl closes the head and then the table.
  return [titled(border, title), ...bodies.flat(), ...(rows.length === 0 ? [border] : []), border].join('\n')
}

/** Folds the last column so that the table is not wider than `widthMax`; null: as wide as it needs. */
export function foldedTable(columns: readonly BoxColumn[], rows: Rows, widthMax: number | null): string {
  const lines = drawn(columns, rows, { isRuled: false })
  const excess = widthMax === null ? 0 : (lines[0] ?? '').length - widthMax
  if (excess <= 0) return lines.join('\n')
  const last = widest([lines]).at(-1) ?? 0
  const widths = columns.map((_, index) =>
    index < columns.length - 1 ? null : Math.min(last, Math.max(FOLDED_WIDTH_MIN, last - excess)),
  )
  return drawn(columns, rows, { isRuled: false, widths, isFolded: true }).join('\n')
}

interface Drawing {
  readonly isRuled: boolean
  readonly widths?: readonly (number | null)[]
  readonly isFolded?: boolean
}

function drawn(columns: readonly BoxColumn[], rows: Rows, drawing: Drawing): readonly string[] {
  const { isRuled, widths = [], isFolded = false } = drawing
  const table = new Table({
    head: columns.map(column => column.title),
    chars: CHARS,
    // By default the package colours its output even for a pipe.
    style: { head: [], border: [], compact: !isRuled },
    colAligns: columns.map(column => column.align),
    colWidths: [...widths],
    wordWrap: isFolded,
  })
  table.push(...rows.map(row => [...row]))
  return table.toString().split('\n')
}

/** The width of each column: that of its widest cell in all blocks. */
function widest(drawings: readonly (readonly string[])[]): readonly number[] {
  const widths = drawings.map(([border = '']) =>
    border
      .slice(1, -1)
      .split('+')
      .map(part => part.length),
  )
  return (widths[0] ?? []).map((_, column) => Math.max(...widths.map(all => all[column] ?? 0)))
}

function titled(border: string, title: string | null): string {
  if (title === null) return border
  const cut = title.slice(0, border.length - 2)
  return `+${cut}${border.slice(cut.length + 1)}`
}
