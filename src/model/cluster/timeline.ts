// The cluster's current timeline, from the history key.

import type { Timeline } from '../units.ts'
import type { HistoryLine } from './cluster.ts'

/**
 * The timeline after the last recorded switch: `[]` means 1; a missing or unreadable key means not known (spec/ha.md
 * H5).
 */
export function clusterTimeline(history: readonly HistoryLine[] | null): Timeline | null {
  if (history === null) return null
  const last = history.at(-1)
  return last === undefined ? 1 : followedBy(last)
}

/** Which timeline a line led to: the next number, unless the reason says that numbers were skipped. */
function followedBy({ timeline, reason }: HistoryLine): Timeline {
  const next = Number(/ \(to timeline (\d{1,10})\)$/.exec(reason)?.[1] ?? 0)
  return next > timeline ? next : timeline + 1
}

/** In the reason, because tools that read Patroni's history know its five fields only. */
export function withNext(line: HistoryLine, next: Timeline): HistoryLine {
  return next === line.timeline + 1 ? line : { ...line, reason: `${line.reason} (to timeline ${next})` }
}
