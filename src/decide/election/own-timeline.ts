// May this node's WAL become the cluster's? Timelines are compared by their history and by which node began them, not
// by number alone: two different timelines may have the same number.

import type { HistoryLine } from '../../model/cluster/cluster.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { Seen } from '../../model/seen.ts'
import type { TimelineSwitch } from '../../model/server/postgres.ts'
import { formatLsn, type Lsn, type Timeline } from '../../model/units.ts'
import { type ClusterFacts, localPosition, runsAsPrimary } from '../facts.ts'
import { originVerdict } from './whose-timeline.ts'

/** Why this node's WAL must not become the cluster's; null when it may. */
export function objectionToOwnTimeline(facts: ClusterFacts): string | null {
  const own = localPosition(facts.snap)
  if (own === null) return 'the local timeline is not known'
  const recorded = facts.view.history?.value ?? null
  const cluster = clusterTimeline(recorded)
  if (recorded === null || cluster === null) return null
  if (own.timeline < cluster) return behindCluster(own.timeline, own.lsn, cluster, recorded)
  const history = ownHistory(facts)
  if (own.timeline === cluster)
    return (
      isTwin(facts) ??
      (history.known ? contradiction(own.timeline, recorded, history.value) : unreadable(facts, history))
    )
  return disagreement(own.timeline, recorded, history)
}

/**
 * Another node began a timeline of the same number; null: none did, or the local data is proved to be the last
 * leader's.
 */
function isTwin(facts: ClusterFacts): string | null {
  const noted = originVerdict(facts)
  if (noted.kind !== 'twin' || agreesWithLastLeader(facts)) return null
  const timeline = localPosition(facts.snap)?.timeline
  return `timeline ${timeline} was begun by ${noted.ours} here and by ${noted.theirs} in the cluster: two timelines of the same number`
}

function agreesWithLastLeader({ memory }: ClusterFacts): boolean {
  return (
    memory.rejoin === 'follow' && memory.agreesWith !== null && memory.agreesWith.leader === memory.lastLeader
  )
}

/** The cluster's timeline may have begun elsewhere. A primary on it does not stop because a history file is missing. */
function unreadable(facts: ClusterFacts, { why }: { readonly why: string }): string | null {
  const isFirst = localPosition(facts.snap)?.timeline === 1
  return isFirst || runsAsPrimary(facts) || agreesWithLastLeader(facts)
    ? null
    : `where the local timeline began is not known: ${why}`
}

function behindCluster(
  timeline: Timeline,
  lsn: Lsn,
  cluster: Timeline,
  recorded: readonly HistoryLine[],
): string {
  const left = recorded.find(line => line.timeline === timeline)
  const where =
    left === undefined
      ? 'never part of its history'
      : `left at ${formatLsn(left.lsn)}, local position ${formatLsn(lsn)}`
  return `timeline ${timeline} is behind the cluster's timeline ${cluster} (${where})`
}

/** A timeline newer than the recorded one must contain the recorded history, switch by switch. */
function disagreement(
  timeline: Timeline,
  recorded: readonly HistoryLine[],
  own: Seen<readonly TimelineSwitch[]>,
): string | null {
  if (!own.known) return `the history of timeline ${timeline} cannot be read: ${own.why}`
  for (const line of recorded) {
    const mine = own.value.find(entry => entry.timeline === line.timeline)
    if (mine === undefined)
      return `timeline ${timeline} does not come from the cluster's timeline ${line.timeline}`
  }
  return contradiction(timeline, recorded, own.value)
}

/** The node and the cluster left the same timeline at different positions. */
function contradiction(
  timeline: Timeline,
  recorded: readonly HistoryLine[],
  own: readonly TimelineSwitch[],
): string | null {
  for (const line of recorded) {
    const mine = own.find(entry => entry.timeline === line.timeline)
    if (mine !== undefined && mine.lsn !== line.lsn) {
      return `timeline ${timeline} left timeline ${line.timeline} at ${formatLsn(mine.lsn)}, the cluster did at ${formatLsn(line.lsn)}`
    }
  }
  return null
}

function ownHistory({ snap }: ClusterFacts): Seen<readonly TimelineSwitch[]> {
  const directory = snap.postgres.dataDirectory
  return directory.kind === 'present' ? directory.history : { known: false, why: 'no data directory' }
}
