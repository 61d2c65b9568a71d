// Write-ahead log with an identity: which record is at a position depends on who wrote it, not only on the number of
// the timeline. So "this node has that write" and "these two have parted" are facts, whatever the programs believe.

import type { TimelineSwitch } from '../../../src/model/server/postgres.ts'
import type { Lsn, Timeline } from '../../../src/model/units.ts'

export type RecordKind = 'write' | 'background' | 'checkpoint' | 'shutdown' | 'promotion'

export interface WalRecord {
  readonly kind: RecordKind
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

/** What one data directory has written without interruption. Two branches may carry the same timeline number. */
export interface Branch {
  readonly id: number
  readonly timeline: Timeline
  /** Where it grew out of; null: initdb. */
  readonly parent: WalEnd | null
  readonly records: WalRecord[]
  /** The data directory that may append. */
  readonly writer: number
}

/** The end of somebody's WAL: the first `count` records of a branch, and all that the branch grew out of. */
export interface WalEnd {
  readonly branch: Branch
  readonly count: number
}

const FIRST_LSN = 0x1000000n
let branches = 0

export function startBranch(timeline: Timeline, parent: WalEnd | null, writer: number): WalEnd {
  branches++
  return { branch: { id: branches, timeline, parent, records: [], writer }, count: 0 }
}

export function lsnOf(end: WalEnd): Lsn {
  const last = end.branch.records[end.count - 1]
  if (last !== undefined) return last.endLsn
  return end.branch.parent === null ? FIRST_LSN : lsnOf(end.branch.parent)
}

/** Appends a record; whoever is not at the end of a branch of its own starts another one with the same timeline. */
export function append(end: WalEnd, writer: number, kind: RecordKind, bytes: bigint): WalEnd {
  const continues = end.branch.writer === writer && end.branch.records.length === end.count
  const { branch } = continues ? end : startBranch(end.branch.timeline, end, writer)
  const startLsn = lsnOf(end)
  branch.records.push({ kind, startLsn, endLsn: startLsn + bytes })
  return { branch, count: branch.records.length }
}

/** Is everything that `earlier` has also in `later`? */
export function isPartOf(earlier: WalEnd, later: WalEnd): boolean {
  for (let at: WalEnd | null = later; at !== null; at = at.branch.parent) {
    if (at.branch === earlier.branch) return earlier.count <= at.count
  }
  return false
}

/** The last point that both have. */
export function commonEnd(a: WalEnd, b: WalEnd): WalEnd | null {
  for (let at: WalEnd | null = a; at !== null; at = at.branch.parent) {
    for (let other: WalEnd | null = b; other !== null; other = other.branch.parent) {
      if (at.branch === other.branch) return { branch: at.branch, count: Math.min(at.count, other.count) }
    }
  }
  return null
}

/** Lines of the history file of the end's timeline: where each older timeline was left. */
export function historyOf(end: WalEnd): readonly TimelineSwitch[] {
  const lines: TimelineSwitch[] = []
  for (let branch: Branch | undefined = end.branch; branch?.parent != null; branch = branch.parent.branch) {
    const { timeline } = branch.parent.branch
    if (timeline !== branch.timeline) lines.unshift({ timeline, lsn: lsnOf(branch.parent) })
  }
  return lines
}

/** The branch with which the timeline of this one began. */
export function beginningOf(branch: Branch): Branch {
  const before = branch.parent?.branch
  return before?.timeline === branch.timeline ? beginningOf(before) : branch
}

/** The last record, wherever it was written. */
export function lastRecord(end: WalEnd): WalRecord | null {
  const record = end.branch.records[end.count - 1]
  if (record !== undefined) return record
  return end.branch.parent === null ? null : lastRecord(end.branch.parent)
}

/** What it had when it was at `lsn`. */
export function pointAt(end: WalEnd, lsn: Lsn): WalEnd {
  for (let at: WalEnd | null = end; at !== null; at = at.branch.parent)
    for (let count = at.count; count >= 0; count--) {
      const point: WalEnd = { branch: at.branch, count }
      if (lsnOf(point) <= lsn) return point
    }
  return end
}

/** `records` fewer, but not beyond the beginning of the branch. */
export function stepBack(end: WalEnd, records: number): WalEnd {
  return { branch: end.branch, count: Math.max(Math.min(1, end.count), end.count - records) }
}

/**
 * What a walsender of `source` would send to a standby that ends at `end`, as far as anybody can see: PostgreSQL checks
 * timelines, positions, and that the next record points back to the last one; not what the bytes mean.
 */
export type Streamability =
  | { readonly kind: 'streams' }
  | { readonly kind: 'refused'; readonly why: string }
  /** Everything fits and yet the two have parted: the standby would silently become something else. */
  | { readonly kind: 'corrupts' }

export function streamability(end: WalEnd, source: WalEnd): Streamability {
  const timeline = end.branch.timeline
  const [position, sourceTimeline] = [lsnOf(end), source.branch.timeline]
  if (sourceTimeline < timeline)
    return refused(
      `highest timeline ${sourceTimeline} of the primary is behind recovery timeline ${timeline}`,
    )
  if (timeline === sourceTimeline && position > lsnOf(source))
    return refused('requested starting point is ahead of the WAL flush position')
  const left = historyOf(source).find(line => line.timeline === timeline)
  if (timeline < sourceTimeline && left === undefined)
    return refused(`timeline ${timeline} is not in the history of timeline ${sourceTimeline}`)
  if (left !== undefined && timeline < sourceTimeline && position > left.lsn)
    return refused(`timeline ${sourceTimeline} forked off before the current recovery point`)
  if (isPartOf(end, source)) return { kind: 'streams' }
  return linksUp(end, source) ? { kind: 'corrupts' } : refused('record with incorrect prev-link')
}

function refused(why: string): Streamability {
  return { kind: 'refused', why }
}

/** The source has a record that begins at our end and whose predecessor begins where our last one does. */
function linksUp(end: WalEnd, source: WalEnd): boolean {
  const position = lsnOf(end)
  for (let at: WalEnd | null = source; at !== null; at = at.branch.parent) {
    for (let index = at.count; index >= 0; index--) {
      const before: WalEnd = { branch: at.branch, count: index }
      if (lsnOf(before) !== position) continue
      return lastRecord(before)?.startLsn === lastRecord(end)?.startLsn
    }
  }
  return false
}
