// How a node rejoins the cluster under a leader: compare timelines, rewind, clone, or just follow. The same rules serve
// a node whose PostgreSQL is down and one that streams (spec/ha.md 3.11, spec/postgres.md 4).

import type { Upstream } from '../../model/cluster/peer.ts'
import type { FailedWork } from '../../model/decision/memory.ts'
import { formatLsn } from '../../model/units.ts'
import { originVerdict } from '../election/whose-timeline.ts'
import {
  type ClusterFacts,
  control,
  type Facts,
  isUnfinishedCopy,
  leaderUpstream,
  memberNamed,
  rewindImpossible,
  rewindPossible,
  tried,
  wantedUpstream,
} from '../facts.ts'
import { holdOnMs } from '../lead/lease-rules.ts'
import { type Choice, type Rule, rule } from '../rule.ts'
import { restAfter, restingFrom, timesFailed } from './failed-work.ts'

const COPYING: readonly FailedWork[] = ['rewind', 'clone']
/** After this many rewinds that need a remedy, the data is replaced where the configuration allows that. */
const REWINDS_MAX = 3

export function rejoinRules(situation: 'down' | 'follower'): readonly Rule<ClusterFacts>[] {
  return [compareTimelines(situation), ...divergedRules(situation)]
}

export const waitForPromotion: Rule<ClusterFacts> = rule({
  id: 'follower.wait-for-promotion',
  why: 'until the leader runs as primary, its timeline is not decided and there is nothing to compare with',
  match: f => f.memory.rejoin === 'check' && hasLeader(f) && !leaderWrites(f),
  choose: f => ({
    reason: `waiting until leader ${f.view.leader?.name} runs as primary (its key says ${leaderRole(f) ?? 'nothing'})`,
    wakeInMs: holdOnMs(f),
  }),
})

function compareTimelines(situation: 'down' | 'follower'): Rule<ClusterFacts> {
  return rule({
    id: `${situation}.compare-timelines`,
    why: 'a node follows a leader only if the history of that leader contains everything that the node has',
    match: comparable,
    choose: (_, leader) => compare(leader),
  })
}

/**
 * The leader to compare the local data with, if the result is not known, the leader can be asked, and this beat has not
 * done so; null: there is nothing to compare now.
 */
export function comparable({ memory, snap, view }: ClusterFacts): Upstream | null {
  const isDue = snap.nowMs >= (memory.undecided?.retryAtMs ?? 0)
  if (memory.rejoin !== 'check' || !isDue || tried(snap, 'compare-timelines')) return null
  return leaderWrites({ memory, snap, view }) ? leaderUpstream(view, snap) : null
}

export function compare(leader: Upstream): Choice {
  return {
    reason: `comparing the local timeline with leader ${leader.name}`,
    actions: [{ kind: 'compare-timelines', leader }],
  }
}

/** The rules for a node whose data has left the leader's history. */
function divergedRules(situation: 'down' | 'follower'): readonly Rule<ClusterFacts>[] {
  return [
    rule({
      id: `${situation}.wait-for-checkpoint`,
      // spec/ha.md 8.G9
      why: "pg_rewind reads the timeline from the source's control file, which only the first checkpoint after a promotion updates",
      match: f => diverged(f) && rewindPossible(f.snap) && leaderWrites(f) && !leaderCheckpointed(f),
      choose: f => ({
        reason: `waiting for the checkpoint of ${f.view.leader?.name} before the rewind`,
        wakeInMs: holdOnMs(f),
      }),
    }),
    rule({
      id: `${situation}.rewind`,
      why: "the local timeline left the leader's history: pg_rewind takes it back to the point where they parted",
      match: f =>
        diverged(f) &&
        rewindPossible(f.snap) &&
        !isUnfinishedCopy(f.snap) &&
        leaderWrites(f) &&
        !isGivenUp(f) &&
        restingFrom(f, ['rewind']) === null &&
        leaderUpstream(f.view, f.snap),
      choose: (f, from) => ({
        reason: `running pg_rewind from ${from.name}${givenUp(f)}`,
        level: f.memory.surplus === null ? 'info' : 'warning',
        actions: [{ kind: 'begin', job: { kind: 'rewind', from } }],
        next: 'settled',
      }),
    }),
    rule({
      id: `${situation}.replace-data`,
      why: "the configuration allows it: data that cannot be rewound is replaced by a copy of the leader's",
      match: f =>
        mayReplace(f) &&
        leaderWrites(f) &&
        restingFrom(f, ['clone']) === null &&
        leaderUpstream(f.view, f.snap),
      choose: (f, from) => {
        const replaces = whyReplaced(f)
        return {
          reason: `${replaces}; replacing the local data by a copy of ${from.name}`,
          actions: [
            {
              kind: 'begin',
              job: { kind: 'clone', from, upstream: wantedUpstream(f.view, f.snap), replaces },
            },
          ],
          next: 'settled',
        }
      },
    }),
    rule({
      id: `${situation}.wait-after-failure`,
      why: 'work that failed is not repeated in a tight loop but ever more rarely; without a leader there is other work',
      level: 'warning',
      match: f => hasLeader(f) && restingFrom(f, f.memory.rejoin === 'rewind-failed' ? ['clone'] : COPYING),
      choose: restAfter,
    }),
  ]
}

/**
 * The WAL that a rewind discards, for a person who misses a row. With archiving on, crash recovery fills up the last
 * segment.
 */
function givenUp({ memory: { surplus } }: ClusterFacts): string {
  return surplus === null
    ? ''
    : `: up to ${surplus.sizeBytes} bytes of WAL that were written here after ${formatLsn(surplus.fromLsn)} are given up`
}

function diverged({ memory }: ClusterFacts): boolean {
  return memory.rejoin === 'diverged'
}

function mayReplace({ memory, snap }: ClusterFacts): boolean {
  const { removeDataOnDivergedTimelines: onDiverged, removeDataOnRewindFailure: onFailure } = snap.self
  if (memory.rejoin === 'rewind-failed' || isGivenUp({ memory, snap })) return onFailure || onDiverged
  return memory.rejoin === 'diverged' && onDiverged && rewindImpossible(snap)
}

/** A rewind that needs a remedy was tried often enough, and the configuration allows a copy instead. */
function isGivenUp({ memory, snap }: Facts): boolean {
  const { removeDataOnDivergedTimelines, removeDataOnRewindFailure } = snap.self
  if (memory.rejoin !== 'diverged' || !(removeDataOnDivergedTimelines || removeDataOnRewindFailure))
    return false
  const failure = memory.lastFailure
  return failure?.job === 'rewind' && failure.remedy !== undefined && timesFailed(failure) >= REWINDS_MAX
}

function whyReplaced(facts: ClusterFacts): string {
  const failure = facts.memory.lastFailure
  if (failure !== null && isGivenUp(facts))
    return `rewind failed ${timesFailed(failure)} times (${failure.why})`
  return facts.memory.rejoin === 'rewind-failed'
    ? 'pg_rewind failed or cannot help'
    : 'the timelines diverged'
}

/**
 * The upstream that is safe to follow. There is none until the local data has been compared with the history of a new
 * leader, because PostgreSQL follows a timeline of the same number without any check. Meanwhile the node runs, can be
 * read and can race. Two cases are exempt: a cascading standby may be unable to reach the leader, and a fresh copy
 * accepts no connection before it is replayed to its end.
 */
export function provenUpstream(facts: ClusterFacts): Upstream | null {
  const upstream = wantedUpstream(facts.view, facts.snap)
  return upstream === null || isUncompared(facts, upstream) ? null : upstream
}

export function isUncompared(facts: ClusterFacts, upstream: Upstream | null): boolean {
  const { memory, snap, view } = facts
  if (memory.rejoin !== 'check' || upstream === null) return false
  if (originVerdict(facts).kind === 'twin') return true
  return upstream.name === view.leader?.name && !isUnfinishedCopy(snap)
}

/** Another node leads, and the local data can neither follow it nor be rewound. */
export function cannotRejoin(facts: ClusterFacts): boolean {
  return facts.memory.rejoin === 'rewind-failed' && hasLeader(facts)
}

/** Text for a decision's `reason`. */
export function whyCannotRejoin({ memory, view }: ClusterFacts): string {
  const leader = view.leader?.name
  return memory.brokenRewind === null
    ? `the local data went its own way on a timeline of the same number as leader ${leader}'s, which pg_rewind cannot tell apart`
    : `a rewind did not finish (${memory.brokenRewind}), the data directory is a mixture of the local data and the leader's`
}

/**
 * Why data that left the leader's history is kept, with the remedy; null: it did not leave it, or no other node leads.
 */
export function divergedBecause(facts: ClusterFacts): string | null {
  if (!diverged(facts) || !hasLeader(facts)) return null
  const { self } = facts.snap
  const leader = facts.view.leader?.name
  const left = `the local data left the history of leader ${leader}: it cannot follow`
  if (!rewindImpossible(facts.snap) || mayReplace(facts)) {
    if (control(facts.snap.postgres) === null) return `${left}, and whether pg_rewind can help is not known`
    return `${left} before ${leader} runs as primary and can be reached`
  }
  const why = self.useRewind
    ? 'pg_rewind needs data checksums or wal_log_hints'
    : 'postgresql.use_pg_rewind is off'
  return `${left}, and ${why}; what was written here since is kept. HINT: Stop the agent, save what is needed of the data directory, remove it and start the agent: a copy of ${leader} takes its place`
}

/** Why the agent by itself cannot make this node follow the leader again; null: it can, or no other node leads. */
export function noWayBack(facts: ClusterFacts): string | null {
  if (mayReplace(facts)) return null
  if (cannotRejoin(facts)) return whyCannotRejoin(facts)
  return rewindImpossible(facts.snap) ? divergedBecause(facts) : null
}

export function hasLeader({ view, snap }: ClusterFacts): boolean {
  return view.leader !== null && view.leader.name !== snap.self.name
}

function leaderRole({ view }: ClusterFacts): string | null {
  return memberNamed(view, view.leader?.name ?? null)?.record.role ?? null
}

export function leaderWrites(facts: ClusterFacts): boolean {
  return hasLeader(facts) && leaderRole(facts) === 'primary'
}

function leaderCheckpointed({ view }: ClusterFacts): boolean {
  return memberNamed(view, view.leader?.name ?? null)?.record.checkpointAfterPromote !== false
}

/** Why the last comparison with the current leader had no result; null: it had one, or none was made. */
export function comparisonFailed({ memory, view }: ClusterFacts): string | null {
  const { undecided } = memory
  return undecided !== null && undecided.leader === view.leader?.name ? undecided.why : null
}
