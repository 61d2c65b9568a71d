// Nobody holds the lease: an election (spec/ha.md 3.8). Each member decides for itself whether it may lead; etcd gives
// the leader key to the first that asks. The rules below follow the steps of a standby through one beat: the first rule
// that applies acts or waits, and after an action the node looks again.
//
//   step                                                                       where
//   0. PostgreSQL answers and the leader key is gone: situation `race`         ../situations.ts
//   1. race.read-cluster: etcd itself says that nobody leads
//   2. May this node lead? Its position, configuration, tags and timeline      ../election/own-timeline.ts
//   3. race.ask-peers: what the others have, and whether one may still write   ../election/election.ts
//   4. Who goes first: the named candidate, the most WAL, the priority         ../election/election.ts
//   5. race.acquire-lease: one transaction creates the leader key              ../lead/lease-rules.ts
//   6. The winner is in situation `leader`: leader.arm-fencer, leader.promote  leader.ts
//      The others: race.lost, then situation `follower`
//
// Rare cases are in `parts`: a primary without a lease, data of unknown origin, a leader lost in maintenance mode.

import { describeDrain } from '../../model/cluster/drained-member.ts'
import { formatLsn } from '../../model/units.ts'
import {
  answersPredateLeaderChange,
  betterRival,
  livePrimary,
  membersToAsk,
  missingFromReleasedLeader,
  namesOf,
  silentPrimary,
  tooFarBehind,
  unsupportedMode,
} from '../election/election.ts'
import { electableNamedCandidate, otherElectableMember } from '../election/head-start.ts'
import { objectionToOwnTimeline } from '../election/own-timeline.ts'
import {
  type ClusterFacts,
  localPosition,
  outcomeOf,
  positionUnknown,
  recentFailure,
  runsAsPrimary,
  seconds,
  storeName,
  tried,
} from '../facts.ts'
import { isConfigurationNewer, missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { askForLease, holdOnMs, holdOnReason, unansweredButAlive } from '../lead/lease-rules.ts'
import { dueRequest, isForced, isNamedCandidate } from '../lead/request-meaning.ts'
import { type Rule, rule } from '../rule.ts'
import { waitForPrimary } from './parts/race/backoff.ts'
import { raceFailsafe } from './parts/race/failsafe.ts'
import { mustStop } from './parts/race/must-stop.ts'
import { staleSight } from './parts/race/stale.ts'
import { raceNotSynchronous, raceWithoutVotes } from './parts/race/synchronous.ts'
import { LOOK_AGAIN_MS, raceUndecidedRules } from './parts/race/undecided.ts'
import { raceUnfitRules } from './parts/race/unfit.ts'
import { raceRestart } from './parts/restarting.ts'

/** A read may show a new configuration a moment before the watch brings it. */
const SOON_MS = 100
/** A candidate named by an operator gets this long before the others race. */
const CANDIDATE_LIMIT_MS = 5000

export const raceRules: readonly Rule<ClusterFacts>[] = [
  // 1. Does nobody lead?
  rule({
    id: 'race.read-cluster',
    why: 'etcd itself must say that nobody leads: the watch may be late',
    match: f => f.view.source === 'watch' && !tried(f.snap, 'read-cluster'),
    choose: f => ({
      reason: `the leader key is gone; asking ${storeName(f.snap)} itself`,
      actions: [{ kind: 'read-cluster' }],
    }),
  }),
  raceRestart,
  raceFailsafe.ask,
  mustStop.lostAsPrimary,
  mustStop.ledByAnother,
  mustStop.promoting,
  // The outcome of step 5, in the look that follows it.
  rule({
    id: 'race.lost',
    why: 'another node was faster',
    match: f => {
      const outcome = outcomeOf(f.snap, 'acquire-lease')
      return outcome?.kind === 'refused' && outcome
    },
    choose: (_, { holder }) => ({
      reason: `following new leader after trying and failing to obtain lock (held by ${holder ?? 'nobody any more'})`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.unanswered',
    why: 'whether the lease is ours is not known: claim nothing and look again',
    match: f => outcomeOf(f.snap, 'acquire-lease')?.kind === 'unreachable' || unansweredButAlive(f),
    choose: f => ({ reason: holdOnReason(f), wakeInMs: holdOnMs(f) }),
  }),
  // 2. May this node lead?
  mustStop.unknownAsPrimary,
  rule({
    id: 'race.server-unknown',
    why: 'a node that does not know its own position does not race',
    match: positionUnknown,
    choose: (_, why) => ({
      reason: `the local position is not known (${why})`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.mode-not-supported',
    why: 'promoting under rules that this version cannot keep could lose acknowledged writes',
    level: 'warning',
    match: f => !runsAsPrimary(f) && unsupportedMode(f),
    choose: (_, mode) => ({
      reason: `${mode} is on, which this version of hactl cannot honour: not promoting`,
    }),
  }),
  rule({
    id: 'race.without-configuration',
    why: 'a node that does not know how its cluster is configured could break a pause, a mode or a lease length that it has not heard of',
    level: 'warning',
    match: f => !runsAsPrimary(f) && missingConfiguration(f.snap, f.view),
    choose: (f, missing) => ({
      reason: `${withoutConfiguration(missing, f.snap)}: not promoting`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.newer-configuration',
    why: 'a change made while nobody led, or while etcd could not be reached, may be a pause: it takes effect before the race goes on',
    match: f => isConfigurationNewer(f.snap, f.view) && !runsAsPrimary(f),
    choose: f => ({
      reason: `the configuration in ${storeName(f.snap)} is newer than the one in force`,
      wakeInMs: SOON_MS,
    }),
  }),
  rule({
    id: 'race.nofailover',
    why: 'the operator does not want this node to lead',
    match: f => f.snap.self.tags.nofailover && !runsAsPrimary(f),
    choose: ({ memory: { drained } }) => ({
      reason:
        drained === null
          ? 'following a different leader because I am not allowed to promote'
          : `not racing: drained ${describeDrain(drained)}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  ...raceUnfitRules,
  rule({
    id: 'race.sit-out',
    // spec/ha.md 8.C14
    why: 'a node that held the lease and could not become primary lets the others try first',
    level: 'warning',
    match: f => !runsAsPrimary(f) && recentFailure(f, ['promote', 'arm-fencer'], f.snap.settings.ttlMs),
    choose: (_, { job, why }) => ({
      reason: `backoff: skip leader race after ${job} failed (${why})`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  mustStop.stalePrimary,
  rule({
    id: 'race.timeline',
    why: "a timeline outside the cluster's own history is not the cluster's data",
    level: 'warning',
    match: objectionToOwnTimeline,
    choose: (_, objection) => ({ reason: `not promoting: ${objection}`, wakeInMs: LOOK_AGAIN_MS }),
  }),
  raceNotSynchronous,
  ...raceUndecidedRules,
  // 3. What do the others have, and may one of them still write?
  rule({
    id: 'race.ask-peers',
    why: "a node can know that it has the most WAL only if it knows the others' positions",
    match: membersToAsk,
    choose: (f, members) => ({
      reason: `nobody holds the lease; asking ${namesOf(members)}`,
      actions: [{ kind: 'ask-peers', members, ...formerLeader(f) }],
    }),
  }),
  mustStop.ledWhileAsking,
  rule({
    id: 'race.ask-again',
    why: 'a node that said it was a standby may have led since: older answers are no ground for a race',
    match: answersPredateLeaderChange,
    choose: f => ({
      reason: `${f.memory.lastLeader ?? 'another node'} has led, or stopped leading, since the others were asked; asking them again`,
      wakeInMs: 0,
    }),
  }),
  rule({
    id: 'race.primary-alive',
    // spec/ha.md 8.C2
    why: 'while another node runs as primary, there is no second one',
    match: f => !runsAsPrimary(f) && livePrimary(f),
    choose: (_, primary) => ({ reason: `Primary (${primary}) is still alive`, wakeInMs: LOOK_AGAIN_MS }),
  }),
  mustStop.rival,
  ...raceFailsafe.gates,
  rule({
    id: 'race.lease-lives',
    why: 'a missing leader key does not prove that the leader has stopped: a silent primary may write while its lease lives, for two ttl at most',
    level: 'warning',
    match: f => !runsAsPrimary(f) && silentPrimary(f, leaderlessForMs(f)),
    choose: (_, { name, why }) => ({
      reason: `the lease of ${name} is alive though nobody holds the leader key, and it ${why}: it may still be primary`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  waitForPrimary,
  // 4. Who goes first? A node that stands back looks again soon: the better node may fail.
  rule({
    id: 'race.candidate-goes-first',
    why: 'the operator named a candidate that can lead',
    match: f => !runsAsPrimary(f) && leaderlessForMs(f) < CANDIDATE_LIMIT_MS && electableNamedCandidate(f),
    choose: (_, candidate) => ({
      reason: `${candidate} goes first: an operator named it`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.leader-steps-back',
    why: 'after a switchover away from this node, another one takes the lease',
    match: f =>
      !runsAsPrimary(f) &&
      dueRequest(f)?.leader === f.snap.self.name &&
      leaderlessForMs(f) < CANDIDATE_LIMIT_MS &&
      otherElectableMember(f),
    choose: (_, other) => ({
      reason: `a switchover away from me was asked for and ${other} can take over`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.lag',
    why: 'no more may be lost than the operator allowed',
    match: f => !runsAsPrimary(f) && !isForced(f) && tooFarBehind(f),
    choose: (f, lag) => ({
      reason: `My wal position exceeds maximum replication lag: ${lag}. HINT: If nobody comes back who has more: hactl failover --candidate ${f.snap.self.name}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.stand-back',
    why: 'the node with the most WAL goes first, then the one with the highest priority',
    match: f => !runsAsPrimary(f) && !isForced(f) && betterRival(f),
    choose: (_, rival) => ({
      reason: `following a different leader because i am not the healthiest node: ${rival.reason}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  raceWithoutVotes,
  rule({
    id: 'race.others-have-all',
    why: 'a leader that released the lease left all of its data with some member: that member, or the leader itself, may come back',
    match: f =>
      !runsAsPrimary(f) &&
      !isForced(f) &&
      leaderlessForMs(f) < f.snap.settings.ttlMs &&
      missingFromReleasedLeader(f),
    choose: (_, missing) => ({ reason: `not promoting yet: ${missing}`, wakeInMs: LOOK_AGAIN_MS }),
  }),
  // 5. Take the lease.
  rule({
    id: 'race.stale-sight',
    why: 'an agent that was suspended in the middle of a race may have missed a whole leader: it claims nothing on an old view',
    match: staleSight,
    choose: (f, { ageMs }) => ({
      reason: `what ${storeName(f.snap)} said ${seconds(ageMs)} ago is too old to race on`,
      wakeInMs: 0,
    }),
  }),
  mustStop.unfenced,
  rule({
    id: 'race.acquire-lease',
    why: 'nobody holds the lease and no reachable member is ahead',
    match: f => !tried(f.snap, 'acquire-lease') && localPosition(f.snap),
    choose: (f, { lsn }) => ({
      reason: `nobody holds the lease and no reachable member is ahead of ${formatLsn(lsn)}${isNamedCandidate(f) ? '; an operator named me' : ''}`,
      actions: askForLease(f),
    }),
  }),
  rule({
    id: 'race.wait',
    why: 'the next look shows the outcome',
    match: () => true,
    choose: f => ({ reason: 'waiting for the outcome of the race', wakeInMs: holdOnMs(f) }),
  }),
]

/** For how long this node has seen the lease free. */
function leaderlessForMs({ memory, snap }: ClusterFacts): number {
  return memory.leaderlessSinceMs === null ? 0 : snap.nowMs - memory.leaderlessSinceMs
}

/** The former leader confirms a handover by saying that it is down; after a crash it does not answer at all. */
function formerLeader({ memory, snap }: ClusterFacts): { readonly formerLeader?: string } {
  const name = memory.lastLeader
  return name === null || name === snap.self.name ? {} : { formerLeader: name }
}
