// Another node holds the lease: run as its standby (spec/ha.md 3.7).

import { formatLsn, type Lsn } from '../../model/units.ts'
import { whyUndecided } from '../election/comparison.ts'
import {
  type ClusterFacts,
  differing,
  failedLately,
  isOverwritten,
  overwritten,
  promotingWithoutLease,
  runsAsPrimary,
  server,
  tried,
  wantedUpstream,
} from '../facts.ts'
import { askHolder, silentHolder } from '../lead/key-without-lease.ts'
import { holdOnMs, lossOf } from '../lead/lease-rules.ts'
import { STOP_AGAIN_MS } from '../lead/making-way.ts'
import { whyOutside } from '../rejoin/former-life.ts'
import { connectingDueInMs } from '../rejoin/reception.ts'
import {
  cannotRejoin,
  comparisonFailed,
  divergedBecause,
  isUncompared,
  leaderWrites,
  rejoinRules,
  waitForPromotion,
  whyCannotRejoin,
} from '../rejoin/rejoin.ts'
import { isPausedForSettings } from '../rejoin/replay-pause.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Choice, type Rule, rule } from '../rule.ts'
import { followerLeavesSync } from './parts/leaving-sync.ts'
import { reinitRules } from './parts/reinitialize.ts'
import { followerRestart } from './parts/restarting.ts'

/** After this the stop is enforced: a standby loses nothing by that. */
const STOP_LIMIT_MS = 10_000

function stopStandby(mode: 'fast' | 'immediate'): Pick<Choice, 'actions' | 'next'> {
  const job = { kind: 'stop' as const, mode, checkpoint: false, timeoutMs: STOP_LIMIT_MS }
  return { actions: [{ kind: 'begin', job }], next: 'settled' }
}

export const followerRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'follower.demote',
    why: 'there must never be two primaries: the one without the lease stops at once',
    level: 'error',
    match: runsAsPrimary,
    choose: f => ({
      reason: `demoting self because I do not have the lock and I was a leader (${lossOf(f)})`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'follower.stop-promoting',
    why: 'a promotion cannot be taken back: the server stops before it becomes a second primary',
    level: 'warning',
    match: promotingWithoutLease,
    choose: f => ({
      reason: `the lease was lost (${lossOf(f)}) while PostgreSQL was being promoted; stopping it`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'follower.stop-outside',
    why: 'a standby whose directory was replaced is of no use: its settings, its comparisons and its next start concern the data that is in the directory now',
    level: 'warning',
    match: f => !failedLately(f, ['stop'], STOP_AGAIN_MS) && whyOutside(f),
    choose: (_, outside) => ({
      reason: `${outside}; stopping it, to go on with what is there`,
      // A fast stop would write the control file by its name, over that of the other data.
      ...stopStandby('immediate'),
    }),
  }),
  followerLeavesSync,
  ...reinitRules('follower'),
  askHolder,
  rule({
    id: 'follower.key-without-lease',
    why: 'a leader that was written into the key by hand, and that does not exist, prevents every election',
    match: f => f.memory.rejoin === 'check' && !leaderWrites(f) && silentHolder(f),
    choose: (_, reason) => ({ reason, level: 'warning' }),
  }),
  waitForPromotion,
  ...rejoinRules('follower'),
  rule({
    id: 'follower.stop-diverged',
    why: 'a standby whose data diverged on a timeline of the same number would become a mixture of both',
    match: f => cannotRejoin(f) && !failedLately(f, ['stop'], STOP_AGAIN_MS),
    choose: f => ({
      reason: `${whyCannotRejoin(f)}; stopping PostgreSQL`,
      level: 'warning',
      ...stopStandby('fast'),
    }),
  }),
  followerRestart,
  rule({
    id: 'follower.restart-to-follow',
    why: 'only a restart changes this recovery setting',
    match: f => mayChange(f) && change(f) === 'restart',
    choose: f => ({
      reason: `changing ${differing(f)} and restarting to follow ${wantedUpstream(f.view, f.snap)?.name ?? 'nobody'}`,
      actions: [
        {
          kind: 'begin',
          job: {
            kind: 'restart',
            as: 'standby',
            upstream: wantedUpstream(f.view, f.snap),
            timeoutMs: 60_000,
          },
        },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'follower.follow',
    why: 'a standby streams from the leader, or from the member that it is configured to cascade from',
    match: f => mayChange(f) && change(f) === 'reload',
    choose: f => ({
      reason: `changing ${differing(f)} to follow ${wantedUpstream(f.view, f.snap)?.name ?? 'nobody'}`,
      actions: [{ kind: 'begin', job: { kind: 'follow', upstream: wantedUpstream(f.view, f.snap) } }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'follower.resume-replay',
    why: 'PostgreSQL 14+ pauses replay when a parameter must be raised; resumed, the server shuts down and is started with the new value',
    match: f => isPausedForSettings(f) && !tried(f.snap, 'resume-replay'),
    choose: () => ({
      reason: 'WAL replay is paused because a setting of the primary is greater than here; resuming it',
      actions: [{ kind: 'resume-replay' }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'follower.behind-timeline',
    why: 'the same leader is on a new timeline: compare whether this node can follow it there',
    match: f => f.memory.rejoin === 'follow' && leaderTimelineIsNew(f) && !tried(f.snap, 'compare-timelines'),
    choose: () => ({
      reason: 'the leader is on a newer timeline than the one this node agreed with',
      remember: { rejoin: 'check' },
      next: 'again',
    }),
  }),
  rule({
    id: 'follower.check-again',
    why: 'this node has replayed WAL beyond the history that it agreed with',
    match: f => f.memory.rejoin === 'follow' && !tried(f.snap, 'compare-timelines') && replayedPast(f),
    choose: (f, { untilLsn }) => ({
      reason: `replayed past ${formatLsn(untilLsn)}, where leader ${f.view.leader?.name} left this timeline; comparing again`,
      remember: { rejoin: 'check' },
      next: 'again',
    }),
  }),
  rule({
    id: 'follower.undecided',
    why: 'a node whose data may be of another history neither follows nor counts as a healthy replica until that is decided',
    level: 'warning',
    match: whyUndecided,
    choose: (f, undecided) => ({
      reason: `${undecided}${takesNothing(f)}; asked again, no candidate and no healthy replica until then. HINT: ${undecidedHint(f)}`,
      wakeInMs: Math.min(holdOnMs(f), nextComparisonInMs(f)),
    }),
  }),
  rule({
    id: 'follower.diverged',
    why: 'a node whose data left the history of the cluster follows nobody, and its data may exist nowhere else: an operator decides',
    match: divergedBecause,
    choose: (f, reason) => ({
      reason,
      level: 'warning',
      wakeInMs: f.snap.settings.loopWaitMs,
    }),
  }),
  rule({
    id: 'follower.steady',
    why: 'there is nothing to do',
    log: 'rest',
    match: () => true,
    choose: f => {
      const reason = `no action. I am (${f.snap.self.name}), a secondary, and following a leader (${f.view.leader?.name})`
      const wrong = [
        uncompared(f),
        isOverwritten(f) ? `${overwritten(f)} and goes on: the leader restores it` : null,
        silentHolder(f),
      ].filter(text => text !== null)
      const dueInMs = mustBeCompared(f) ? Math.min(holdOnMs(f), nextComparisonInMs(f)) : connectingDueInMs(f)
      const waits = dueInMs === null ? {} : { wakeInMs: dueInMs }
      if (wrong.length === 0) return { reason, ...waits }
      return { reason: [reason, ...wrong].join('; '), level: 'warning', ...waits }
    },
  }),
]

function change({ snap }: ClusterFacts): 'none' | 'reload' | 'restart' {
  return snap.recovery.known ? snap.recovery.value.change : 'none'
}

/** A failed change is not repeated in a tight loop, and a node without an upstream keeps its settings. */
function mayChange(facts: ClusterFacts): boolean {
  const { memory, snap, view } = facts
  const failure = memory.lastFailure
  const lately =
    failure !== null && ['follow', 'restart'].includes(failure.job) && snap.nowMs - failure.atMs < 5000
  return !lately && (wantedUpstream(view, snap) !== null || snap.self.tags.nostream) && !mustBeCompared(facts)
}

/** Why the timelines were not compared; null: they were, or need not be. */
function uncompared(facts: ClusterFacts): string | null {
  const failed = comparisonFailed(facts)
  if (failed === null) return null
  return `could not compare timelines: ${failed}${takesNothing(facts)}`
}

function takesNothing(facts: ClusterFacts): string {
  return mustBeCompared(facts) ? `, so it takes no WAL from ${facts.view.leader?.name} yet` : ''
}

function undecidedHint({ memory, snap, view }: ClusterFacts): string {
  const leader = view.leader?.name
  if (server(snap) === null) return 'Look why the local PostgreSQL does not let the agent in'
  return memory.undecided?.isLasting === true
    ? `If nobody knows better, stop the agent, save what is needed of the data directory, remove it and start the agent: a copy of ${leader} takes its place`
    : `Look whether PostgreSQL of ${leader} answers and lets this node in for replication`
}

/** A comparison is repeated after a pause. */
function nextComparisonInMs({ memory, snap }: ClusterFacts): number {
  return Math.max(50, (memory.undecided?.retryAtMs ?? 0) - snap.nowMs)
}

/** A new upstream has to wait for the comparison; other settings do not. */
function mustBeCompared(facts: ClusterFacts): boolean {
  const { recovery } = facts.snap
  const moves = recovery.known && recovery.value.differing.includes('primary_conninfo')
  return moves && isUncompared(facts, wantedUpstream(facts.view, facts.snap))
}

/** The node has replayed past the point where the leader's history left this timeline, and is still on it. */
function replayedPast({ memory, snap }: ClusterFacts): { readonly untilLsn: Lsn } | null {
  const untilLsn = memory.agreesWith?.untilLsn ?? null
  const replayed = server(snap)?.replayLsn ?? null
  return untilLsn !== null && replayed !== null && replayed > untilLsn ? { untilLsn } : null
}

function leaderTimelineIsNew({ view, memory }: ClusterFacts): boolean {
  const leader = view.members.find(member => member.name === view.leader?.name)
  const timeline = leader?.record.timeline
  return timeline !== undefined && memory.agreesWith !== null && timeline > memory.agreesWith.timeline
}
