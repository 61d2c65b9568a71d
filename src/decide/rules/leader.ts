// This node holds the lease, or etcd says so. It proves that, arms the fencer, and only then acts as leader (spec/ha.md 3.6).

import { leaderKeyIsGone } from '../../model/cluster/cluster.ts'
import type { WorkFailure } from '../../model/decision/memory.ts'
import type { PromotionNote } from '../../model/decision/work.ts'
import { unsupportedMode } from '../election/election.ts'
import {
  type ClusterFacts,
  control,
  holdsLease,
  isOverwritten,
  isStandbyWithLease,
  mayLead,
  overwritten,
  recentFailure,
  runsAsPrimary,
  seconds,
  server,
  tried,
} from '../facts.ts'
import { missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { askMembers, withoutMembers } from '../lead/failsafe.ts'
import { heldMarginMs, isFenced, nextMarginMs } from '../lead/fencing.ts'
import {
  awaitNumber,
  handOutTimeline,
  isNumberRecorded,
  skipping,
  timelinesToSkip,
} from '../lead/handing-out.ts'
import { hasLeaseLeft } from '../lead/lease-left.ts'
import {
  holdOnMs,
  holdOnReason,
  leaseLeft,
  lossOf,
  proofRules,
  unansweredAndEnding,
  unansweredButAlive,
} from '../lead/lease-rules.ts'
import { armAgain, demoteUnfenced, rearmFencer, unfencedTooLong, whyUnfenced } from '../lead/rearm.ts'
import { stallRules } from '../lead/stalls.ts'
import { isOtherData } from '../rejoin/former-life.ts'
import { releaseUnpromoted, releasing, stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { claimOwnRequest } from './parts/claim-own-request.ts'
import { inheritedKeyRules } from './parts/inherited-key.ts'
import { diskRules, releaseHungDisk, withDiskWarning } from './parts/leader-disk.ts'
import { hungRules, leaderSilent } from './parts/leader-hung.ts'
import { outsideRules, releaseOutside, withOutsideWarning } from './parts/leader-outside.ts'
import { releaseForPromise } from './parts/race/failsafe.ts'
import { requestRules } from './parts/requests.ts'
import { leaderRestart } from './parts/restarting.ts'
import { syncPromotionRules } from './parts/sync-promotion.ts'
import { syncLook, syncRules, syncWaitRules } from './parts/synchronous.ts'
import { leaderWatchdog } from './parts/watchdog.ts'
import { letLeaseEnd } from './parts/yielding.ts'

export const leaderRules: readonly Rule<ClusterFacts>[] = [
  rearmFencer('leader'),
  rule({
    id: 'leader.stop-other-data',
    why: 'an older backup that was started in place of the data that led would take the cluster back to an earlier state',
    level: 'error',
    match: f => !mayLead(f.snap) && runsAsPrimary(f) && isOtherData(f),
    choose: f => ({
      reason: `the leader key holds my name from before this agent started, but PostgreSQL runs on other data than this node led with; stopping it`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  ...proofRules('leader'),
  letLeaseEnd('leader'),
  askMembers('leader'),
  rule({
    id: 'leader.lease-ends',
    why: 'etcd has not confirmed the lease, and there is no time for another try',
    level: 'error',
    match: f => runsAsPrimary(f) && (unansweredAndEnding(f) || !mayLead(f.snap)),
    choose: f => ({
      reason: `the lease could not be renewed (${lossOf(f)}) and has ${leaseLeft(f)} left; stopping PostgreSQL${withoutMembers(f)}`,
      ...stopToFollow(f, leaderKeyIsGone(f.snap.cluster) ? 'immediate' : 'fast'),
    }),
  }),
  rule({
    id: 'leader.arm-fencer',
    why: 'a node accepts writes only while something outside the agent can stop it in time',
    match: f => holdsLease(f.snap) && needsFencer(f) && !isFencedToTheEnd(f) && !tried(f.snap, 'arm-fencer'),
    choose: f => ({
      reason: 'arming the fencer with the end of the lease',
      actions: [{ kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) }],
    }),
  }),
  demoteUnfenced('leader'),
  rule({
    id: 'leader.unfenced-release',
    why: 'a node that cannot be made primary safely lets another one try',
    level: 'warning',
    match: f => isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && unfencedTooLong(f),
    choose: (f, { forMs }) => ({
      reason: `the fencer could not be armed for ${seconds(forMs)} (${whyUnfenced(f)}); ${releasing(f)}`,
      ...releaseUnpromoted(f, { unfencedSinceMs: null, lastFailure: unfencedFailure(f) }),
    }),
  }),
  armAgain('leader', needsFencer),
  ...leaderWatchdog,
  rule({
    id: 'leader.hold-lease',
    why: 'trouble in etcd is no reason to demote while the lease still has time',
    level: 'warning',
    match: f => unansweredButAlive(f),
    choose: f => ({ reason: `${holdOnReason(f)}${withoutMembers(f)}`, wakeInMs: holdOnMs(f) }),
  }),
  rule({
    id: 'leader.mode-not-supported',
    why: 'promoting under rules that this version cannot keep could lose acknowledged writes',
    level: 'warning',
    match: f => isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && unsupportedMode(f),
    choose: (f, mode) => ({
      reason: `${mode} is on, which this version of hactl cannot honour: not promoting; ${releasing(f)}`,
      ...releaseUnpromoted(f),
    }),
  }),
  rule({
    id: 'leader.without-configuration',
    why: 'a node that does not know how its cluster is configured lets another one lead',
    level: 'warning',
    match: f =>
      isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && missingConfiguration(f.snap, f.view),
    choose: (f, missing) => ({
      reason: `${withoutConfiguration(missing, f.snap)}: not promoting; ${releasing(f)}`,
      ...releaseUnpromoted(f),
    }),
  }),
  releaseOutside,
  releaseHungDisk,
  ...syncPromotionRules,
  ...inheritedKeyRules,
  releaseForPromise,
  rule({
    id: 'leader.restore-initialize',
    why: 'an overwritten key must not end a running cluster: agents that start now would find another identifier than their data has',
    match: f =>
      isOverwritten(f) && holdsLease(f.snap) && !tried(f.snap, 'write-initialize') && f.memory.joinedAs,
    choose: (f, joinedAs) => ({
      reason: `${overwritten(f)}; writing it back`,
      level: 'warning',
      actions: [
        {
          kind: 'write-initialize',
          value: joinedAs,
          ifRevision: f.view.initialize?.modRevision ?? null,
        },
      ],
      next: 'again',
    }),
  }),
  claimOwnRequest,
  rule({
    id: 'leader.clear-request',
    why: 'the new leader deletes the request that made it leader',
    match: f =>
      !f.snap.settings.paused &&
      server(f.snap)?.inRecovery === true &&
      !tried(f.snap, 'clear-failover') &&
      f.view.failover,
    choose: (_, { modRevision }) => ({
      reason: 'cleaning up failover key after acquiring the lease',
      actions: [{ kind: 'clear-failover', ifRevision: modRevision }],
      next: 'again',
    }),
  }),
  rule({
    id: 'leader.renew-before-promotion',
    why: 'a promotion begins with a full lease',
    match: f => isStandbyWithLease(f) && !hasLeaseLeft(f) && !tried(f.snap, 'renew-lease'),
    choose: f => ({
      reason: 'renewing the lease before the promotion',
      actions: [
        { kind: 'renew-lease', status: null },
        { kind: 'arm-fencer', marginMs: nextMarginMs(f.snap) },
      ],
    }),
  }),
  rule({
    id: 'leader.stop-after-failed-promotion',
    why: 'a promotion that failed may still come about: the server stops before another node gets the lease',
    level: 'warning',
    match: f => isStandbyWithLease(f) && failedPromotion(f),
    choose: (f, { why }) => ({
      reason: `the promotion failed (${why}); stopping PostgreSQL before the lease is released`,
      // One that survives SIGKILL would keep the lease.
      ...stopToFollow(f, 'fast', { yields: { why: `the promotion failed: ${why}` } }),
    }),
  }),
  handOutTimeline,
  awaitNumber,
  rule({
    id: 'leader.promote',
    why: 'the lease is held with time left, a running standby was seen, the fencer is armed, and etcd has the number of the timeline',
    match: f => isStandbyWithLease(f) && hasLeaseLeft(f) && isNumberRecorded(f),
    choose: f => ({
      reason: `promoted self to leader: the lease lasts ${leaseLeft(f)}${skipping(f)}`,
      actions: [
        {
          kind: 'begin',
          job: {
            kind: 'promote',
            timeoutMs: Math.max(f.snap.settings.loopWaitMs, 60_000),
            note: promotionNote(f),
            skips: timelinesToSkip(f),
          },
        },
      ],
      next: 'settled',
    }),
  }),
  ...hungRules,
  ...diskRules,
  ...syncRules('leader'),
  leaderRestart,
  ...requestRules('leader'),
  leaderSilent,
  ...outsideRules,
  ...stallRules,
  ...syncWaitRules('leader'),
  rule({
    id: 'leader.steady',
    why: 'there is nothing to do',
    log: 'rest',
    match: () => true,
    choose: f => ({
      ...withDiskWarning(
        f,
        withOutsideWarning(f, `no action. I am (${f.snap.self.name}), the leader with the lock`),
      ),
      ...syncLook(f),
      // Its data is the cluster's.
      remember: { rejoin: 'follow', undecided: null, surplus: null, unfencedSinceMs: null },
    }),
  }),
]

/** Where this server is before it begins a timeline of its own. */
function promotionNote({ snap }: ClusterFacts): PromotionNote {
  const seen = server(snap)
  return {
    systemIdentifier: control(snap.postgres)?.systemIdentifier ?? '',
    from: seen?.timeline ?? null,
    at: seen?.replayLsn ?? 0n,
  }
}

/** The fencer is armed with the end of the current lease: the deadline of an earlier renewal would stop a healthy primary. */
function isFencedToTheEnd(facts: ClusterFacts): boolean {
  const { fencer, lease } = facts.snap
  return isFenced(facts) && (fencer.armedUntilMs ?? 0) >= lease.leaderUntilMs - heldMarginMs(facts.snap)
}

/** Even a primary that does not answer needs a fencer: it may still write. */
function needsFencer(facts: ClusterFacts): boolean {
  return server(facts.snap) !== null || runsAsPrimary(facts)
}

function failedPromotion(facts: ClusterFacts): WorkFailure | null {
  return recentFailure(facts, ['promote'], facts.snap.settings.ttlMs)
}

/** The failure is remembered, so that this node does not win the next race at once. */
export function unfencedFailure(facts: ClusterFacts): WorkFailure {
  return { job: 'arm-fencer', why: whyUnfenced(facts), atMs: facts.snap.nowMs }
}
