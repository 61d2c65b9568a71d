// The output of `hactl query`, and patronictl's in its place, where errors are rows of the result.

import type { QueryReport } from '../../admin/look/query.ts'
import { done, type Failure, type Result } from '../../model/command/failure.ts'
import { printableData } from '../../model/command/printable.ts'
import { pythonText } from '../../model/settings/values.ts'
import type { WallMillis } from '../../model/units.ts'
import { describeFailure } from '../error-table.ts'
import { localTime } from '../format/line-time.ts'
import { line, toStderr } from '../print.ts'
import { formatListing, type ListingFormat } from '../table/listing.ts'

export function queryText(report: QueryReport, format: ListingFormat, delimiter: string): string {
  const { columns, rows, tag } = report
  if (columns === null) return tag === '' ? '' : line`${tag}\n`
  if (format === 'tsv') {
    const lines = [columns, ...rows.map(row => row.map(pythonText))]
    return lines.map(cells => `${cells.join(delimiter)}\n`).join('')
  }
  const titled = columns.map(title => ({ title, align: 'left' }) as const)
  return formatListing({ title: null, columns: titled, rows, omitEmpty: false }, format)
}

/** The exit code is always 0; an error is a row with the time. */
export function patronictlQuery(
  result: Result<QueryReport>,
  format: ListingFormat,
  delimiter: string,
  nowMs: WallMillis,
  asked: { readonly member?: string | undefined; readonly role?: string | undefined },
): readonly [Result<QueryReport>, (report: QueryReport) => string] {
  if (result.ok && result.value.columns !== null)
    return [result, report => queryText(report, format, delimiter)]
  const why = result.ok ? 'ERROR, SQLSTATE: no results to fetch' : rowOf(result.failure, asked)
  if (why === null) return [result, () => '']
  const row = { cluster: '', member: '', inRecovery: false, tag: '', columns: [], rows: [] }
  const detail = result.ok ? '' : `${describeFailure(printableData(result.failure)).message}\n`
  if (detail !== '') toStderr(detail)
  return [done(row), () => `${localTime(nowMs)}${delimiter}${why}\n`]
}

/** null: patronictl has no row for it. */
function rowOf(failure: Failure, { member, role }: Parameters<typeof patronictlQuery>[4]): string | null {
  switch (failure.kind) {
    case 'sql-error':
      return `ERROR, SQLSTATE: ${failure.sqlstate}`
    case 'no-connection':
    case 'member-not-found':
    case 'cluster-not-found':
    case 'refused':
      return `No connection ${member !== undefined ? `to member ${member} ` : role !== undefined ? `to role '${role}' ` : ''}is available`
    default:
      return null
  }
}
