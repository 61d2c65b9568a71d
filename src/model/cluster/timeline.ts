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
  return last === undefined ? 1 : last.timeline + 1
}
