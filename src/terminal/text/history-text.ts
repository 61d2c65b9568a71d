// The table of `hactl history`: patronictl's columns, then the facts that only hactl's agents record.

import type { HistoryReport, TimelineEnd } from '../../admin/look/history.ts'
import type { Takeover } from '../../model/cluster/takeover.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { type Cell, type Column, formatListing, type ListingFormat } from '../table/listing.ts'

const PATRONIS: readonly Column[] = [
  { title: 'TL', align: 'right' },
  { title: 'LSN', align: 'right' },
  { title: 'Reason', align: 'left' },
  { title: 'Timestamp', align: 'left' },
  { title: 'New Leader', align: 'left' },
]
const OWN: readonly Column[] = [
  { title: 'Old Leader', align: 'left' },
  { title: 'Cause', align: 'left' },
  { title: 'No leader', align: 'right' },
  { title: 'Bytes lost', align: 'right' },
]

export function historyText({ switches }: HistoryReport, format: ListingFormat): string {
  const isWhole = format === 'pretty' && !isPatronictl() && switches.some(({ takeover }) => takeover !== null)
  const columns = isWhole ? [...PATRONIS, ...OWN] : PATRONIS
  const rows = switches.map(line => [...patronis(line), ...(isWhole ? own(line.takeover) : [])])
  return formatListing({ title: null, columns, rows, omitEmpty: false }, format)
}

function patronis(line: TimelineEnd): readonly Cell[] {
  return [line.timeline, Number(line.position.bytes), line.reason, line.at ?? '', line.newLeader ?? '']
}

function own(takeover: Takeover | null): readonly Cell[] {
  if (takeover === null) return ['', '', '', '']
  const { from, leaderlessMs, lostBytes } = takeover
  const lost = lostBytes === null ? 'not known' : String(lostBytes)
  return [from, causeText(takeover), `${(leaderlessMs / 1000).toFixed(1)} s`, lost]
}

function causeText({ cause, by }: Takeover): string {
  switch (cause) {
    case 'switchover':
    case 'failover':
      return by === null ? cause : `${cause} by ${by}`
    case 'lease-ended':
      return 'lease ended'
    case 'crash':
      return 'PostgreSQL was down'
    case 'unusable':
      return 'PostgreSQL or its disk hung'
    case 'given-up':
      return 'given up in good order'
    case 'unknown':
      return ''
    default:
      return cause satisfies never
  }
}
