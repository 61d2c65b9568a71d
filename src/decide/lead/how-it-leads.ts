// How this node became the leader, for `hactl history`: kept in memory from the moment it accepts writes until etcd has
// it. Only the interval between automatic failovers depends on it
// (../election/failover-interval.ts).

import { type Member, memberNamed } from '../../model/cluster/cluster.ts'
import { saidText } from '../../model/cluster/hactl-part.ts'
import { requestKind } from '../../model/cluster/request.ts'
import type { TakeoverCause, TakeoverNote } from '../../model/cluster/takeover.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Memory, Outage } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { WallMillis } from '../../model/units.ts'
import { type ClusterFacts, server } from '../facts.ts'

/** What etcd shows about the cause while nobody leads. A cause that was seen once is kept. */
export function reasonSeen(outage: Outage, snap: Snapshot): Pick<Outage, 'request' | 'crashed' | 'unusable'> {
  const { request = null, crashed = false, unusable = false, formerLeader } = outage
  if (!snap.cluster.known) return { request, crashed, unusable }
  const former = memberNamed(snap.cluster.value, formerLeader)
  const state = former?.record.state
  return {
    request: requested(snap) ?? request,
    crashed: crashed || state === 'crashed' || state === 'start failed',
    unusable: unusable || (former !== null && saysUnusable(former)),
  }
}

/** Ids of ../report/trouble.ts. */
const UNUSABLE: readonly (string | null)[] = ['no-answer', 'disk']

/** The member reported a hung server or a failed disk. */
export function saysUnusable({ record }: Member): boolean {
  return UNUSABLE.includes(saidText(record, 'problem_id'))
}

/** A request counts as the cause only if it is due and a node has begun it. */
function requested(snap: Snapshot): NonNullable<Outage['request']> | null {
  const request = snap.cluster.known ? (snap.cluster.value.failover?.value ?? null) : null
  if (request === null) return null
  const { note, candidate, scheduledAt } = request
  const kind = requestKind(request)
  const isNamed = kind === 'failover' && candidate === snap.self.name
  const isDue = scheduledAt === null || (scheduledAt.wallMs ?? Number.POSITIVE_INFINITY) <= snap.wallMs
  // Patroni does not record which node has begun a request.
  const isBegun = note === undefined ? isDue : note.begunBy !== null
  return isNamed || isBegun ? { kind, by: note?.by ?? null } : null
}

export function takeoverAfter(outage: Outage, snap: Snapshot): Memory['takeover'] {
  if (outage.formerLeader === snap.self.name) return null
  const { optime, ownLsn, request } = outage
  return {
    cause: causeOf(outage),
    by: request?.by ?? null,
    from: outage.formerLeader,
    leaderlessMs: Math.round(snap.nowMs - outage.sinceMs),
    lostBytes: optime === null || ownLsn === null ? null : optime > ownLsn ? optime - ownLsn : 0n,
    atWall: snap.wallMs,
  }
}

export function causeOf({ request, leaseEnded, crashed, unusable, planned }: Outage): TakeoverCause {
  if (request != null) return request.kind
  if (leaseEnded) return 'lease-ended'
  if (crashed === true) return 'crash'
  if (unusable === true) return 'unusable'
  return planned ? 'given-up' : 'unknown'
}

/** Kept until etcd has it, or another node leads. */
export function takeoverKept({ takeover }: Memory, snap: Snapshot): Memory['takeover'] {
  if (takeover === null || !snap.cluster.known) return takeover
  const { leader, takeovers } = snap.cluster.value
  if (leader !== null && leader.name !== snap.self.name) return null
  const last = takeovers?.value.at(-1)
  return last?.to === snap.self.name && last.at === isoOf(takeover.atWall) ? null : takeover
}

const NOTES_MAX = 1000

/** null: there is nothing to note yet. */
export function noteTakeover({ snap, memory, view }: ClusterFacts): Action | null {
  const { takeover } = memory
  const timeline = server(snap)?.timeline ?? null
  if (takeover === null || timeline === null || timeline < 2) return null
  const { atWall, ...known } = takeover
  // Numbers may have been skipped.
  const left = snap.timelineHistory.known ? snap.timelineHistory.value.at(-1)?.timeline : undefined
  const note: TakeoverNote = {
    ...known,
    timeline: left ?? timeline - 1,
    to: snap.self.name,
    at: isoOf(atWall),
  }
  // A new cluster under the same name begins again with timeline 1.
  const before = (view.takeovers?.value ?? []).filter(old => old.timeline < note.timeline)
  const limit = snap.settings.maxTimelinesHistory
  const notes = [...before, note].slice(-(limit > 0 ? Math.min(limit, NOTES_MAX) : NOTES_MAX))
  return { kind: 'note-takeover', notes, ifRevision: view.takeovers?.modRevision ?? null }
}

function isoOf(wallMs: WallMillis): string {
  return new Date(wallMs).toISOString()
}
