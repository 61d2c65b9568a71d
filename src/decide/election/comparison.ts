// What the node remembers of a comparison with the leader's timeline. "Not known" is an answer of its own: the
// comparison is repeated with growing pauses, and the answer never counts as "the same".

import type { Divergence } from '../../model/cluster/divergence.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import type { MemberName, Timeline } from '../../model/units.ts'
import { type ClusterFacts, localPosition, outcomeOf, server, wantedUpstream } from '../facts.ts'
import { originVerdict } from './whose-timeline.ts'

const FIRST_PAUSE_MS = 1000
/** A leader that is silent may answer at any moment. */
const SILENT_PAUSE_MAX_MS = 10_000
/** WAL that is gone does not come back: only an operator or a new leader can change the answer. */
const GONE_PAUSE_MAX_MS = 60_000

export function rememberComparison(memory: Memory, snap: Snapshot): Memory {
  const seen = snap.divergence
  const view = snap.cluster.known ? snap.cluster.value : null
  const leader = view?.leader?.name ?? null
  if (view === null || leader === null || (seen === null && !comparisonFailed(snap))) return memory
  const noted = originVerdict({ snap, memory, view })
  const verdict = seen?.known === true ? seen.value.verdict : null
  if (seen?.known === true && (verdict === 'same' || verdict === 'ancestor'))
    return { ...memory, ...agreed(leader, seen.value.leaderTimeline, seen.value.switchLsn), undecided: null }
  if (seen?.known === true && (verdict === 'diverged' || verdict === 'twin')) {
    // Between two timelines of the same number pg_rewind sees no difference.
    const alike = verdict === 'twin' || seen.value.localTimeline === seen.value.leaderTimeline
    const rejoin = alike ? 'rewind-failed' : 'diverged'
    return { ...memory, rejoin, agreesWith: null, undecided: null, surplus: surplusOf(seen.value) }
  }
  // Only the notes are left to decide, and they do. A leader that is merely silent may still show that the promotion
  // failed.
  if (noted.kind === 'twin' && (noted.by === 'own' || verdict === 'unproved'))
    return { ...memory, rejoin: 'rewind-failed', agreesWith: null, undecided: null }
  if (noted.kind === 'same' && seen?.known === true)
    return { ...memory, ...agreed(leader, seen.value.leaderTimeline, seen.value.switchLsn), undecided: null }
  return undecided(memory, snap, leader, {
    why: seen?.known === true ? (seen.value.why ?? 'the WAL that would show it is gone') : whyNot(snap),
    isLasting: seen?.known === true,
  })
}

function surplusOf({ localLsn, switchLsn }: Divergence): Memory['surplus'] {
  return switchLsn === null || localLsn <= switchLsn
    ? null
    : { fromLsn: switchLsn, sizeBytes: localLsn - switchLsn }
}

function agreed(leader: MemberName, timeline: Timeline, untilLsn: bigint | null) {
  return { rejoin: 'follow' as const, agreesWith: { leader, timeline, untilLsn } }
}

function comparisonFailed(snap: Snapshot): boolean {
  const outcome = outcomeOf(snap, 'compare-timelines')
  return outcome !== null && outcome.kind !== 'done'
}

function whyNot(snap: Snapshot): string {
  const outcome = outcomeOf(snap, 'compare-timelines')
  if (snap.divergence !== null && !snap.divergence.known) return snap.divergence.why
  return outcome !== null && outcome.kind !== 'done' ? outcome.why : 'no reason known'
}

/** Counts a comparison once, however many steps of the beat show it. */
function undecided(
  memory: Memory,
  snap: Snapshot,
  leader: MemberName,
  { why, isLasting }: { readonly why: string; readonly isLasting: boolean },
): Memory {
  const before = memory.undecided?.leader === leader ? memory.undecided : null
  if (before !== null && snap.nowMs < before.retryAtMs) return memory
  const tries = (before?.tries ?? 0) + 1
  const most = isLasting ? GONE_PAUSE_MAX_MS : Math.min(SILENT_PAUSE_MAX_MS, snap.settings.loopWaitMs)
  const pauseMs = Math.min(most, FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 10))
  return {
    ...memory,
    rejoin: 'check',
    agreesWith: null,
    undecided: {
      leader,
      why,
      isLasting,
      tries,
      sinceMs: before?.sinceMs ?? snap.nowMs,
      retryAtMs: snap.nowMs + pauseMs,
    },
  }
}

/** A standby that streams the leader's own timeline cannot leave the leader's history any more. */
export function rememberArrival(memory: Memory, snap: Snapshot): Memory {
  const { agreesWith } = memory
  const receiver = server(snap)?.walReceiver
  if (agreesWith === null || agreesWith.untilLsn === null || receiver?.status !== 'streaming') return memory
  if (receiver.receivedTimeline !== agreesWith.timeline) return memory
  return { ...memory, agreesWith: { ...agreesWith, untilLsn: null } }
}

/**
 * The local data was compared with the last leader's, and neither the WAL nor the notes could decide. Timeline 1 begins
 * with the cluster: as long as the cluster is on it, there is no other.
 */
function isUndecided(facts: ClusterFacts): boolean {
  const { memory, snap, view } = facts
  if (memory.undecided === null || memory.rejoin !== 'check') return false
  // A cascading standby may have no way to the leader at all.
  const upstream = wantedUpstream(view, snap)
  if (upstream !== null && upstream.name !== view.leader?.name) return originVerdict(facts).kind === 'twin'
  const isFirst = localPosition(snap)?.timeline === 1 && (view.history?.value ?? []).length === 0
  return !isFirst && originVerdict(facts).kind !== 'same'
}

/** The text after the colon comes from a program and may differ each time: `no answer within 4321 ms`. */
function withoutNumbers({ why, isLasting }: NonNullable<Memory['undecided']>): string {
  return isLasting ? why : (why.split(': ')[0] ?? why)
}

/** Text for a decision's `reason` and for `list`; null: it is known whose data this is. */
export function whyUndecided(facts: ClusterFacts): string | null {
  const { undecided: asked } = facts.memory
  if (asked === null || !isUndecided(facts)) return null
  const noted = originVerdict(facts)
  const doubt =
    noted.kind === 'twin'
      ? `; this node was about to begin timeline ${localPosition(facts.snap)?.timeline} itself when it was last asked to promote, and ${noted.theirs} did`
      : ''
  return `whether the local data is that of leader ${asked.leader} is not known: ${withoutNumbers(asked)}${doubt}`
}
