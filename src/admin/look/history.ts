// `hactl history`: when the cluster changed its timeline, where in the WAL, why, and who led afterwards.

import type { HistoryLine } from '../../model/cluster/cluster.ts'
import type { Takeover, TakeoverNote } from '../../model/cluster/takeover.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { Position } from '../../model/command/report.ts'
import { formatLsn, type MemberName, type Millis, type Timeline } from '../../model/units.ts'
import { deadlineIn, type Operator, readCluster } from '../use-case.ts'

export interface HistoryReport {
  readonly cluster: string
  readonly switches: readonly TimelineEnd[]
}

export interface TimelineEnd {
  /** The timeline that ended. */
  readonly timeline: Timeline
  readonly position: Position
  readonly reason: string
  readonly at: string | null
  readonly newLeader: MemberName | null
  /** Its cause and cost, as noted by the new leader; null: the leader does not run hactl, or did not see the start. */
  readonly takeover: Takeover | null
}

export async function readHistory(
  operator: Operator,
  cluster: string,
  budgetMs: Millis,
): Promise<Result<HistoryReport>> {
  const read = await readCluster(operator, cluster, deadlineIn(operator.clock, budgetMs))
  if (!read.ok) return failed(read.failure)
  const lines = read.value.history?.value ?? []
  const switches = lines.map(line => ({
    timeline: line.timeline,
    position: { lsn: formatLsn(line.lsn), bytes: line.lsn },
    reason: line.reason,
    at: line.timestamp ?? null,
    newLeader: line.leader ?? null,
    takeover: takeoverOf(line, read.value.takeovers?.value ?? []),
  }))
  return done({ cluster, switches })
}

function takeoverOf(line: HistoryLine, notes: readonly TakeoverNote[]): Takeover | null {
  const note = notes.findLast(({ timeline }) => timeline === line.timeline)
  if (note === undefined || (line.leader !== undefined && line.leader !== note.to)) return null
  const { cause, by, from, leaderlessMs, lostBytes } = note
  return { cause, by, from, leaderlessMs, lostBytes }
}
