// Which node began the timeline of the local data, by this node's own note and by the history key that the leader
// writes? Both outlive the WAL that would show it, and neither needs a leader that answers.

import type { HistoryLine } from '../../model/cluster/cluster.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Origin, Origins } from '../../model/server/origins.ts'
import type { TimelineSwitch } from '../../model/server/postgres.ts'
import type { MemberName, Timeline } from '../../model/units.ts'
import { type ClusterFacts, control, holdsLease, localPosition, server } from '../facts.ts'

/** `own`: noted after the timeline began or was proved; `asked`: noted only when this node was about to begin it. */
type OriginVerdict =
  | { readonly kind: 'same' | 'unknown' }
  | {
      readonly kind: 'twin'
      readonly ours: MemberName
      readonly theirs: MemberName
      readonly by: 'own' | 'asked'
    }

const UNKNOWN: OriginVerdict = { kind: 'unknown' }

export function originVerdict(facts: ClusterFacts): OriginVerdict {
  const timeline = localPosition(facts.snap)?.timeline ?? null
  const recorded = facts.view.history?.value ?? null
  if (timeline === null || recorded === null) return UNKNOWN
  const began = beginning(facts, timeline)
  if (began === null) return UNKNOWN
  const theirs = recordedOrigin(recorded, timeline, began)
  const ours = notedOrigin(facts, timeline, began)
  if (theirs === null || ours === null) return UNKNOWN
  return theirs === ours.name ? { kind: 'same' } : { kind: 'twin', ours: ours.name, theirs, by: ours.by }
}

/** Where the local timeline began, by the last line of its history file; null: timeline 1, or not known. */
function beginning({ snap }: ClusterFacts, timeline: Timeline): TimelineSwitch | null {
  const directory = snap.postgres.dataDirectory
  if (timeline < 2 || directory.kind !== 'present' || !directory.history.known) return null
  return directory.history.value.at(-1) ?? null
}

/** Which node began the timeline, by the history key; null: the key knows no timeline that began at this position. */
function recordedOrigin(
  recorded: readonly HistoryLine[],
  timeline: Timeline,
  began: TimelineSwitch,
): MemberName | null {
  const index = recorded.findIndex(line => line.timeline === began.timeline && line.lsn === began.lsn)
  const line = recorded[index]
  if (line?.leader === undefined) return null
  const next = recorded[index + 1]?.timeline ?? clusterTimeline(recorded)
  return next === timeline ? line.leader : null
}

function notedOrigin(
  facts: ClusterFacts,
  timeline: Timeline,
  began: TimelineSwitch,
): { readonly name: MemberName; readonly by: 'own' | 'asked' } | null {
  const noted = notedOrigins(facts)
  const origin = noted?.timelines.find(each => each.timeline === timeline && each.at === began.lsn)
  if (origin !== undefined) return { name: origin.by, by: 'own' }
  const asked = noted?.asked ?? null
  if (asked === null || began.lsn < asked.at) return null
  const fits = asked.from === null || asked.from === began.timeline
  return fits ? { name: facts.snap.self.name, by: 'asked' } : null
}

/** This node's notes, if they are about the data that is here; null: there are none, or they are not known. */
function notedOrigins({ snap }: Pick<ClusterFacts, 'snap'>): Origins | null {
  const directory = snap.postgres.dataDirectory
  const noted = directory.kind === 'present' && directory.origins?.known ? directory.origins.value : null
  return noted !== null && noted.systemIdentifier === control(snap.postgres)?.systemIdentifier ? noted : null
}

/** What this node should note about its timeline; null: it is noted, or nothing is proved. */
export function originToNote(facts: ClusterFacts): Action | null {
  const { snap } = facts
  const directory = snap.postgres.dataDirectory
  const systemIdentifier = control(snap.postgres)?.systemIdentifier
  // Notes that could not be read are never overwritten.
  if (systemIdentifier === undefined || directory.kind !== 'present' || directory.origins?.known !== true)
    return null
  const noted = notedOrigins(facts)
  const origin = provedOrigin(facts)
  if (origin !== null && !isNoted(origin, noted)) return { kind: 'note-origin', systemIdentifier, origin }
  const isVain = noted !== null && noted.asked !== null && isProvedStandby(facts)
  return isVain ? { kind: 'note-origin', systemIdentifier, origin } : null
}

function isNoted(origin: Origin, noted: Origins | null): boolean {
  return (
    noted?.timelines.some(
      each => each.timeline === origin.timeline && each.at === origin.at && each.by === origin.by,
    ) === true
  )
}

function provedOrigin(facts: ClusterFacts): Origin | null {
  const { memory, snap, view } = facts
  const timeline = server(snap)?.timeline ?? null
  const began = timeline === null ? null : beginning(facts, timeline)
  if (timeline === null || began === null) return null
  const at = began.lsn
  if (server(snap)?.inRecovery === false)
    return holdsLease(snap) ? { timeline, at, by: snap.self.name } : null
  const { agreesWith } = memory
  if (!isProvedStandby(facts) || agreesWith?.untilLsn !== null || agreesWith.timeline !== timeline)
    return null
  const by = recordedOrigin(view.history?.value ?? [], timeline, began)
  return by === null ? null : { timeline, at, by }
}

/** A standby whose data was proved to be part of the leader's history. */
function isProvedStandby({ memory, snap, view }: ClusterFacts): boolean {
  const { agreesWith, rejoin } = memory
  const agrees = rejoin === 'follow' && agreesWith !== null && agreesWith.leader === view.leader?.name
  return agrees && agreesWith.leader !== snap.self.name && server(snap)?.inRecovery === true
}
