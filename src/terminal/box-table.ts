// Boxes of `+ - |` as patronictl draws them: title in the top border, a rule between all rows as soon as one cell has
// several lines. The output is compared byte for byte with patronictl's in test/commands.

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

export function boxTable(table: BoxTable): string {
  const grid = table.rows.map(row => row.map(cell => cell.split('\n')))
  const widths = table.columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...grid.flatMap(row => (row[index] ?? ['']).map(displayWidth))),
  )
  const border = `+${widths.map(width => '-'.repeat(width + 2)).join('+')}+`
  const ruled = grid.some(row => row.some(cell => cell.length > 1))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => padded(cell, widths[index] ?? 0, table.columns[index]?.align)).join(' | ')} |`
  const body = grid.map(row => rowLines(row).map(line))
  return [
    titled(border, table.title),
    line(table.columns.map(column => column.title)),
    border,
    ...body.flatMap((lines, index) => (ruled && index < body.length - 1 ? [...lines, border] : lines)),
    border,
  ].join('\n')
}

function titled(border: string, title: string | null): string {
  if (title === null) return border
  const cut = title.slice(0, border.length - 2)
  return `+${cut}${border.slice(cut.length + 1)}`
}

/** A row of cells with several lines each becomes as many lines as its highest cell has. */
function rowLines(row: readonly (readonly string[])[]): string[][] {
  const height = Math.max(1, ...row.map(cell => cell.length))
  return Array.from({ length: height }, (_, index) => row.map(cell => cell[index] ?? ''))
}

function padded(cell: string, width: number, align: Align | undefined): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(cell)))
  return align === 'right' ? fill + cell : cell + fill
}

/** Columns on a terminal: East Asian wide characters take two, combining marks none. */
function displayWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\u200b|\u200d/u.test(character)) continue
    width += WIDE.test(character) ? 2 : 1
  }
  return width
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}]/u
