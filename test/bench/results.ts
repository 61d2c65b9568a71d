// What a benchmark found, and the page that shows it: docs/benchmarks.md, with the budgets.

/** One line of the table. */
export interface Line {
  readonly what: string
  /** Of hactl, in words. */
  readonly budget: string
  readonly hactl: Cell
  readonly patroni: Cell
  /** null: nothing to compare with, because the measurement failed. */
  readonly met: boolean | null | 'no budget'
}

/** Measured values of one program, in the order measured; or why there are none. */
export type Cell =
  | { readonly kind: 'values'; readonly unit: string; readonly values: readonly number[] }
  | { readonly kind: 'text'; readonly text: string }

export function values(unit: string, measured: readonly number[]): Cell {
  return { kind: 'values', unit, values: measured }
}

export function text(words: string): Cell {
  return { kind: 'text', text: words }
}

export function median(measured: readonly number[]): number {
  const sorted = measured.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

export function worst(measured: readonly number[]): number {
  return Math.max(...measured)
}

/** Every value stays within the limit; null without values. */
export function within(cell: Cell, limit: number): boolean | null {
  return cell.kind === 'values' && cell.values.length > 0 ? worst(cell.values) <= limit : null
}

export function showLine({ what, budget, hactl, patroni, met }: Line): string {
  const verdict = met === null ? 'not measured' : met === 'no budget' ? '' : met ? 'yes' : '**no**'
  return `| ${what} | ${budget} | ${showCell(hactl)} | ${showCell(patroni)} | ${verdict} |`
}

export function showTable(lines: readonly Line[]): string {
  const head = ['| What | Budget | hactl | Patroni | Met |', '|---|---|---|---|---|']
  return [...head, ...lines.map(showLine)].join('\n')
}

function showCell(cell: Cell): string {
  if (cell.kind === 'text') return cell.text
  const { unit, values: measured } = cell
  if (measured.length === 0) return 'not measured'
  const [only] = measured
  if (measured.length === 1 && only !== undefined) return `${number(only)} ${unit}`
  return `${number(median(measured))} ${unit} (worst ${number(worst(measured))}, n=${measured.length})`
}

function number(value: number): string {
  if (Number.isInteger(value) || value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}
