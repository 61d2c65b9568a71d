// Prints rows in patronictl's formats: box, tab-separated, JSON with column titles as keys, YAML. `--json` is not one
// of them: that is hactl's own typed result.

import type { Json } from '../../model/cluster/cluster.ts'
import { printable, printableData, printableLines } from '../../model/command/printable.ts'
import { pythonText } from '../../model/settings/values.ts'
import { encodeJson } from '../../wire/python-json.ts'
import { yamlDocument } from '../format/yaml-text.ts'
import { type BoxColumn, boxTable } from './box-table.ts'

export type Cell = Json
export type Column = BoxColumn

export interface Listing {
  /** The title in the top border of a box; null: none. */
  readonly title: string | null
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
  /** In JSON and YAML, leave out cells with an empty text (members), or keep them (history). */
  readonly omitEmpty: boolean
}

export type ListingFormat = 'pretty' | 'topology' | 'tsv' | 'json' | 'yaml' | 'yml'
export const LISTING_FORMATS = ['pretty', 'tsv', 'json', 'yaml', 'yml'] as const

/** Data for programs is escaped by the format itself, and must not be changed before that. */
export function readerOf(format: ListingFormat): 'people' | 'programs' {
  return format === 'json' || format === 'yaml' || format === 'yml' ? 'programs' : 'people'
}

/** Text with its line end, ready for stdout. */
export function formatListing(listing: Listing, format: ListingFormat): string {
  switch (format) {
    case 'pretty':
    case 'topology':
      return `${boxTable({ ...listing, columns: listing.columns.map(printableData), rows: listing.rows.map(row => row.map(cellText)) })}\n`
    case 'tsv':
      return tabSeparated(listing)
    case 'json':
      return `${encodeJson(objects(listing))}\n`
    case 'yaml':
    case 'yml':
      return `${yamlDocument(objects(listing))}\n`
    default:
      return format satisfies never
  }
}

function tabSeparated(listing: Listing): string {
  const titles = listing.columns.map(column => printable(column.title))
  return [titles, ...listing.rows].map(row => `${row.map(cellText).join('\t')}\n`).join('')
}

function objects(listing: Listing): Json {
  return listing.rows.map(row =>
    Object.fromEntries(
      listing.columns
        .map((column, index): readonly [string, Cell] => [
          column.title,
          row[index] === undefined ? '' : row[index],
        ])
        .filter(([, cell]) => !listing.omitEmpty || cell !== ''),
    ),
  )
}

function cellText(cell: Cell): string {
  return printableLines(pythonText(cell))
}
