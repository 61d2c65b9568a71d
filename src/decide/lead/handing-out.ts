// A timeline number is handed out once. Before its promotion a leader records in etcd which number it will take: one above
// every number that was ever handed out, as far as etcd and the members show. PostgreSQL itself would take the number after
// its own, and another node may have taken that one: two timelines of the same number, begun at the same position, look
// alike to pg_rewind, and the rows of one would be taken for the other's.

import type { Promotions } from '../../model/cluster/promotions.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { Timeline } from '../../model/units.ts'
import {
  type ClusterFacts,
  clusterIdentifier,
  control,
  isStandbyWithLease,
  localPosition,
  outcomeOf,
  server,
  storeName,
  succeeded,
  tried,
} from '../facts.ts'
import { type Rule, rule } from '../rule.ts'
import { hasLeaseLeft } from './lease-left.ts'
import { holdOnMs } from './lease-rules.ts'

/** Each number that is skipped is a file in pg_wal. More than this comes of a record that somebody wrote by hand. */
const SKIPS_MAX = 1000

/** The highest number that any node may have taken, and who shows it. */
interface Taken {
  readonly timeline: Timeline
  readonly shownBy: string
}

function highestTaken(facts: ClusterFacts, own: Timeline): Taken {
  const { view, memory, snap } = facts
  const recorded = recordedHere(facts)?.numbers.at(-1)
  const members = [...view.members, ...memory.lastMembers].filter(({ name }) => name !== snap.self.name)
  return [
    { timeline: clusterTimeline(view.history?.value ?? null) ?? 0, shownBy: 'the history' },
    ...(recorded === undefined
      ? []
      : [{ timeline: recorded.timeline, shownBy: `a promotion of ${recorded.by}` }]),
    ...members.map(({ name, record }) => ({ timeline: record.timeline ?? 0, shownBy: name })),
  ].reduce((highest, next) => (next.timeline > highest.timeline ? next : highest), {
    timeline: own,
    shownBy: 'this node',
  })
}

/** Records about other data are no records: their cluster had the same name. */
function recordedHere({ view, snap }: ClusterFacts): Promotions | null {
  const recorded = view.promotions?.value ?? null
  return recorded?.systemIdentifier === control(snap.postgres)?.systemIdentifier ? recorded : null
}

function ownTimeline({ snap }: ClusterFacts): Timeline | null {
  return localPosition(snap)?.timeline ?? server(snap)?.controlTimeline ?? null
}

/** What PostgreSQL would take without being told: the numbers from there up to the recorded one are skipped. */
export function timelinesToSkip(facts: ClusterFacts): readonly Timeline[] {
  const { promotesTo } = facts.memory
  const own = ownTimeline(facts)
  if (promotesTo === null || own === null) return []
  return Array.from({ length: promotesTo - own - 1 }, (_, index) => own + 1 + index)
}

/** Text for a decision's `reason`. */
export function skipping(facts: ClusterFacts): string {
  const skips = timelinesToSkip(facts)
  if (skips.length === 0) return ''
  const [first, last] = [skips[0], skips.at(-1)]
  return `; timeline ${first === last ? first : `${first} to ${last}`} may have been taken before, so ${facts.memory.promotesTo} follows`
}

export const handOutTimeline: Rule<ClusterFacts> = rule({
  id: 'leader.note-promotion',
  why: 'each timeline number is handed out once: two timelines of the same number cannot be told apart by pg_rewind',
  match: f => isStandbyWithLease(f) && hasLeaseLeft(f) && !tried(f.snap, 'note-promotion') && nextNumber(f),
  choose: (f, { own, timeline, taken }) => ({
    reason: `recording in ${storeName(f.snap)} that timeline ${timeline} is this node's${taken.timeline > own ? `: ${taken.shownBy} shows ${taken.timeline}` : ''}`,
    actions: [
      {
        kind: 'note-promotion',
        promotions: withOwn(f, own, timeline),
        ifRevision: f.view.promotions?.modRevision ?? null,
      },
    ],
    remember: { promotesTo: timeline },
  }),
})

/** A number so far above its own that nobody can have reached it does not keep this node from leading. */
function nextNumber(facts: ClusterFacts): { own: Timeline; timeline: Timeline; taken: Taken } | null {
  const own = ownTimeline(facts)
  if (own === null) return null
  const taken = highestTaken(facts, own)
  return taken.timeline - own > SKIPS_MAX
    ? { own, timeline: own + 1, taken: { timeline: own, shownBy: 'this node' } }
    : { own, timeline: taken.timeline + 1, taken }
}

function withOwn(facts: ClusterFacts, own: Timeline, timeline: Timeline): Promotions {
  const { snap, view } = facts
  const systemIdentifier = control(snap.postgres)?.systemIdentifier ?? clusterIdentifier(view) ?? ''
  const at = server(snap)?.replayLsn ?? localPosition(snap)?.lsn ?? 0n
  const before = (recordedHere(facts)?.numbers ?? []).filter(old => old.timeline < timeline)
  return { systemIdentifier, numbers: [...before, { timeline, from: own, at, by: snap.self.name }] }
}

/** A promotion begins in the beat in which its number was recorded. */
export function isNumberRecorded({ snap }: ClusterFacts): boolean {
  return succeeded(snap, 'note-promotion')
}

export const awaitNumber: Rule<ClusterFacts> = rule({
  id: 'leader.promotion-not-noted',
  why: 'a promotion that nobody knows of could be repeated by another node',
  level: 'warning',
  match: f => isStandbyWithLease(f) && !isNumberRecorded(f) && whyNotRecorded(f),
  choose: (f, why) => ({
    reason: `not promoting yet: ${storeName(f.snap)} has no record of the promotion (${why})`,
    wakeInMs: holdOnMs(f),
  }),
})

function whyNotRecorded(facts: ClusterFacts): string | null {
  const outcome = outcomeOf(facts.snap, 'note-promotion')
  if (outcome === null) return ownTimeline(facts) === null ? 'the local timeline is not known' : null
  return outcome.kind === 'done' ? null : outcome.why
}
