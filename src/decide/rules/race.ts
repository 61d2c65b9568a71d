// Nobody holds the lease. Whoever has the most of the cluster's WAL takes it; everybody else can say why they stood
// back (spec/ha.md 3.8). Every equal candidate may try: the create-if-absent in etcd decides.

import { describeDrain } from '../../model/cluster/drained-member.ts'
import { formatLsn } from '../../model/units.ts'
import {
  answersPredateLeaderChange,
  livePrimary,
  membersToAsk,
  namesOf,
  rivalPrimary,
  silentPrimary,
  unsupportedMode,
} from '../election/election.ts'
import { sinceRelease } from '../election/head-start.ts'
import { objectionToOwnTimeline } from '../election/own-timeline.ts'
import {
  type ClusterFacts,
  localPosition,
  outcomeOf,
  promotingWithoutLease,
  recentFailure,
  runsAsPrimary,
  seconds,
  succeeded,
  tried,
} from '../facts.ts'
import { isConfigurationNewer, missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import {
  askForLease,
  holdOnMs,
  holdOnReason,
  ledMeanwhile,
  lossOf,
  unansweredButAlive,
} from '../lead/lease-rules.ts'
import { isNamedCandidate } from '../lead/request-meaning.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { LOOK_AGAIN_MS, raceOrderRules } from './parts/race-order.ts'
import { raceUndecidedRules } from './parts/race-undecided.ts'
import { raceUnfencedRules } from './parts/race-unfenced.ts'
import { unguardedPrimary } from './parts/race-unguarded.ts'
import { raceRestart } from './parts/restarting.ts'

/** The watch tells the agent of a new configuration a moment after a read has. */
const SOON_MS = 100
/** What was read longer ago than the steps of a race take was read before this agent was stopped for a while. */
const STALE_MS = 6000

export const raceRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'race.read-cluster',
    why: 'that nobody leads is asked of etcd itself, not of the watch',
    match: f => f.view.source === 'watch' && !tried(f.snap, 'read-cluster'),
    choose: () => ({
      reason: 'the leader key is gone; asking etcd itself',
      actions: [{ kind: 'read-cluster' }],
    }),
  }),
  raceRestart,
  rule({
    id: 'race.lost-as-primary',
    why: 'a primary that tried for the lease and did not get it does not go on: somebody else may promote at any moment',
    level: 'error',
    match: f =>
      runsAsPrimary(f) &&
      (tried(f.snap, 'acquire-lease') || (tried(f.snap, 'keep-lease') && !succeeded(f.snap, 'keep-lease'))),
    choose: f => ({
      reason: `demoted self after trying and failing to obtain lock (${lossOf(f)})`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'race.led-meanwhile',
    why: 'whoever led since this node was last proved leader has written: this primary is a stale one, whoever has the key now',
    level: 'error',
    match: f => runsAsPrimary(f) && outcomeOf(f.snap, 'renew-lease')?.kind === 'refused' && ledMeanwhile(f),
    choose: f => ({
      reason: `demoting self: ${f.view.lastLeader?.value ?? 'another node'} has led since this node did`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'race.stop-promoting',
    why: 'a promotion that was asked for cannot be taken back: the server stops before it becomes a primary without a lease',
    level: 'warning',
    match: promotingWithoutLease,
    choose: f => ({
      reason: 'nobody holds the lease and PostgreSQL is still being promoted; stopping it',
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'race.lost',
    why: 'somebody was faster',
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
    why: 'whether the lease is ours is unknown: look again, claim nothing',
    match: f => outcomeOf(f.snap, 'acquire-lease')?.kind === 'unreachable' || unansweredButAlive(f),
    choose: f => ({ reason: holdOnReason(f), wakeInMs: holdOnMs(f) }),
  }),
  rule({
    id: 'race.primary-unknown',
    why: 'a primary without a lease that cannot show its position must not go on',
    level: 'error',
    match: f => runsAsPrimary(f) && positionUnknown(f),
    choose: (f, why) => ({
      reason: `nobody holds the lease and the local primary does not tell its position (${why}); stopping it`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
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
    why: 'a node that does not know how its cluster is configured would break a pause, a mode or a lease that it knows nothing of',
    level: 'warning',
    match: f => !runsAsPrimary(f) && missingConfiguration(f.snap, f.view),
    choose: (_, missing) => ({
      reason: `${withoutConfiguration(missing)}: not promoting`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.newer-configuration',
    why: 'what was changed while nobody led, or while etcd was out of sight, may be a pause: it is taken over before the race goes on',
    match: f => isConfigurationNewer(f.snap, f.view) && !runsAsPrimary(f),
    choose: () => ({ reason: 'the configuration in etcd is newer than the one in force', wakeInMs: SOON_MS }),
  }),
  rule({
    id: 'race.nofailover',
    why: 'the operator said so',
    match: f => f.snap.self.tags.nofailover && !runsAsPrimary(f),
    choose: ({ memory: { drained } }) => ({
      reason:
        drained === null
          ? 'following a different leader because I am not allowed to promote'
          : `not racing: drained ${describeDrain(drained)}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
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
  rule({
    id: 'race.stale-primary',
    // spec/ha.md 8.C1
    why: 'a primary whose timeline the cluster has left must not lead again',
    level: 'error',
    match: f => runsAsPrimary(f) && objectionToOwnTimeline(f),
    choose: (f, objection) => ({ reason: `demoting self: ${objection}`, ...stopToFollow(f, 'immediate') }),
  }),
  rule({
    id: 'race.timeline',
    why: "what is not on the cluster's own history is not the cluster's data",
    level: 'warning',
    match: objectionToOwnTimeline,
    choose: (_, objection) => ({ reason: `not promoting: ${objection}`, wakeInMs: LOOK_AGAIN_MS }),
  }),
  ...raceUndecidedRules,
  rule({
    id: 'race.ask-peers',
    why: "only who knows the others' positions can know that it is the best",
    match: membersToAsk,
    choose: (f, members) => ({
      reason: `nobody holds the lease; asking ${namesOf(members)}`,
      actions: [{ kind: 'ask-peers', members, ...formerLeader(f) }],
    }),
  }),
  rule({
    id: 'race.led-while-asking',
    why: 'whoever led while this primary asked the others has written: this one is stale, whoever has the key now',
    level: 'error',
    match: f => runsAsPrimary(f) && answersPredateLeaderChange(f),
    choose: f => ({
      reason: `demoting self: ${f.memory.lastLeader ?? 'another node'} has led since the others were asked`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'race.ask-again',
    why: 'who said that it was a standby may have led since: what was said before that is no ground for a race',
    match: answersPredateLeaderChange,
    choose: f => ({
      reason: `${f.memory.lastLeader ?? 'another node'} has led, or stopped leading, since the others were asked; asking them again`,
      wakeInMs: 0,
    }),
  }),
  rule({
    id: 'race.primary-alive',
    // spec/ha.md 8.C2
    why: 'another node runs as primary: no second one',
    match: f => !runsAsPrimary(f) && livePrimary(f),
    choose: (_, primary) => ({ reason: `Primary (${primary}) is still alive`, wakeInMs: LOOK_AGAIN_MS }),
  }),
  rule({
    id: 'race.rival-primary',
    why: 'of two primaries without a lease only the one on the newer timeline can be the right one',
    level: 'error',
    match: f => runsAsPrimary(f) && rivalPrimary(f),
    choose: (f, rival) => ({
      reason: `demoting self: ${rival} runs as primary too, and this node is not on a newer timeline (${localPosition(f.snap)?.timeline})`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  unguardedPrimary,
  rule({
    id: 'race.lease-lives',
    why: 'a leader key deleted by hand says nothing about the leader: as long as the lease of a silent primary lives, it may write, but not for longer than a ttl after its last proof',
    level: 'warning',
    match: f => !runsAsPrimary(f) && silentPrimary(f, sinceRelease(f)),
    choose: (_, { name, why }) => ({
      reason: `the lease of ${name} is alive though nobody holds the leader key, and it ${why}: it may still be primary`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  ...raceOrderRules,
  rule({
    id: 'race.stale-sight',
    why: 'an agent that was stopped in the middle of a race may have missed a whole leader: nothing is claimed on what it saw before',
    match: f => {
      const ageMs = sightAgeMs(f)
      return ageMs > STALE_MS && { ageMs }
    },
    choose: (_, { ageMs }) => ({
      reason: `what etcd said ${seconds(ageMs)} ago is too old to race on`,
      wakeInMs: 0,
    }),
  }),
  ...raceUnfencedRules,
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
    why: 'the outcome shows in the next look',
    match: () => true,
    choose: f => ({ reason: 'waiting for the outcome of the race', wakeInMs: holdOnMs(f) }),
  }),
]

/** Why this node does not know its own position; null: it does. */
function positionUnknown({ snap }: ClusterFacts): string | null {
  const { server: seen } = snap.postgres
  if (!seen.known) return seen.why
  return localPosition(snap) === null ? 'no timeline' : null
}

/** A switchover's old leader confirms that it is down; after a crash it is the one that does not answer. */
function formerLeader({ memory, snap }: ClusterFacts): { readonly formerLeader?: string } {
  const name = memory.lastLeader
  return name === null || name === snap.self.name ? {} : { formerLeader: name }
}

/** Of what this beat has read itself; the watch tells by itself when it has fallen silent. */
function sightAgeMs({ snap, view }: ClusterFacts): number {
  return snap.cluster.known && view.source === 'read' ? snap.nowMs - snap.cluster.atMs : 0
}
