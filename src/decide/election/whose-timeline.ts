// Whose timeline is the local data on, by what this node noted and by what the leader wrote into the history key? Both last
// longer than the WAL that would tell, and neither needs a leader that answers.

import type { HistoryLine } from '../../model/cluster/cluster.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { Action } from '../../model/decision/action.ts'
import type { Origin, Origins } from '../../model/server/origins.ts'
import type { TimelineSwitch } from '../../model/server/postgres.ts'
import type { MemberName, Timeline } from '../../model/units.ts'
import { type ClusterFacts, control, holdsLease, localPosition, server } from '../facts.ts'

/** `own`: noted when the timeline had begun or was proved; `asked`: only that this node was about to begin it. */
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

/** The last line of the history file of the local timeline; null: timeline 1, or not known. */
function beginning({ snap }: ClusterFacts, timeline: Timeline): TimelineSwitch | null {
  const directory = snap.postgres.dataDirectory
  if (timeline < 2 || directory.kind !== 'present' || !directory.history.known) return null
  return directory.history.value.at(-1) ?? null
}

/** Who began it, by the history key; null: the key does not say it of a timeline that began there. */
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

/** Of the data that is here; null: none, or not known. */
function notedOrigins({ snap }: Pick<ClusterFacts, 'snap'>): Origins | null {
  const directory = snap.postgres.dataDirectory
  const noted = directory.kind === 'present' && directory.origins?.known ? directory.origins.value : null
  return noted !== null && noted.systemIdentifier === control(snap.postgres)?.systemIdentifier ? noted : null
}

/** What this node should note of the timeline that it is on; null: it has, or nothing is proved. */
export function originToNote(facts: ClusterFacts): Action | null {
  const { snap } = facts
  const directory = snap.postgres.dataDirectory
  const systemIdentifier = control(snap.postgres)?.systemIdentifier
  // Over notes that could not be read nothing is written.
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

/** Everything that it has was found to be the leader's. */
function isProvedStandby({ memory, snap, view }: ClusterFacts): boolean {
  const { agreesWith, rejoin } = memory
  const agrees = rejoin === 'follow' && agreesWith !== null && agreesWith.leader === view.leader?.name
  return agrees && agreesWith.leader !== snap.self.name && server(snap)?.inRecovery === true
}
