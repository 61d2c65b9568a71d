// Nobody holds the lease, and the server here accepts writes or is about to. Such a primary may win the lease back;
// each of these rules says when it must stop instead. A standby in an election passes over all of them.

import { answersPredateLeaderChange, rivalPrimary } from '../../../election/election.ts'
import { objectionToOwnTimeline } from '../../../election/own-timeline.ts'
import {
  type ClusterFacts,
  localPosition,
  outcomeOf,
  positionUnknown,
  promotingWithoutLease,
  runsAsPrimary,
  succeeded,
  tried,
} from '../../../facts.ts'
import { goesOnByMembers } from '../../../lead/failsafe.ts'
import { isFenced } from '../../../lead/fencing.ts'
import { ledMeanwhile, lossOf, refusedBy, unanswered } from '../../../lead/lease-rules.ts'
import { stopToFollow } from '../../../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../../../rule.ts'

/** In one beat: a machine that pauses for a moment is no reason to stop a primary. */
const ARM_TRIES_MAX = 3

const lostAsPrimary: Rule<ClusterFacts> = rule({
  id: 'race.lost-as-primary',
  why: 'a primary that tried for the lease and did not get it must stop: another node may promote at any moment',
  level: 'error',
  match: f =>
    runsAsPrimary(f) &&
    (tried(f.snap, 'acquire-lease') || (tried(f.snap, 'keep-lease') && !succeeded(f.snap, 'keep-lease'))) &&
    !isOnlyUnanswered(f),
  choose: f => ({
    reason: `demoted self after trying and failing to obtain lock (${lossOf(f)})`,
    ...stopToFollow(f, 'immediate'),
  }),
})

const ledByAnother: Rule<ClusterFacts> = rule({
  id: 'race.led-meanwhile',
  why: 'a node that has led since this one last proved its lease may have written: this primary is stale, whichever node has the key now',
  level: 'error',
  match: f => runsAsPrimary(f) && outcomeOf(f.snap, 'renew-lease')?.kind === 'refused' && ledMeanwhile(f),
  choose: f => ({
    reason: `demoting self: ${f.view.lastLeader?.value ?? 'another node'} has led since this node did`,
    ...stopToFollow(f, 'immediate'),
  }),
})

const promoting: Rule<ClusterFacts> = rule({
  id: 'race.stop-promoting',
  why: 'a promotion cannot be taken back: the server stops before it becomes a primary without a lease',
  level: 'warning',
  match: promotingWithoutLease,
  choose: f => ({
    reason: 'nobody holds the lease and PostgreSQL is still being promoted; stopping it',
    ...stopToFollow(f, 'immediate'),
  }),
})

const unknownAsPrimary: Rule<ClusterFacts> = rule({
  id: 'race.primary-unknown',
  why: 'a primary without a lease must stop if it cannot show its position',
  level: 'error',
  match: f => runsAsPrimary(f) && !goesOnByMembers(f) && positionUnknown(f),
  choose: (f, why) => ({
    reason: `nobody holds the lease and the position of the local primary is not known (${why}); stopping it`,
    ...stopToFollow(f, 'immediate'),
  }),
})

const stalePrimary: Rule<ClusterFacts> = rule({
  id: 'race.stale-primary',
  // spec/ha.md 8.C1
  why: 'a primary whose timeline the cluster has left must not lead again',
  level: 'error',
  match: f => runsAsPrimary(f) && objectionToOwnTimeline(f),
  choose: (f, objection) => ({ reason: `demoting self: ${objection}`, ...stopToFollow(f, 'immediate') }),
})

const ledWhileAsking: Rule<ClusterFacts> = rule({
  id: 'race.led-while-asking',
  why: 'a node that led while this primary asked the others may have written: this primary is stale, whichever node has the key now',
  level: 'error',
  match: f => runsAsPrimary(f) && answersPredateLeaderChange(f),
  choose: f => ({
    reason: `demoting self: ${f.memory.lastLeader ?? 'another node'} has led since the others were asked`,
    ...stopToFollow(f, 'immediate'),
  }),
})

const rival: Rule<ClusterFacts> = rule({
  id: 'race.rival-primary',
  why: 'of two primaries without a lease, only the one on the newer timeline can be the right one',
  level: 'error',
  match: f => runsAsPrimary(f) && rivalPrimary(f),
  choose: (f, name) => ({
    reason: `demoting self: ${name} runs as primary too, and this node is not on a newer timeline (${localPosition(f.snap)?.timeline})`,
    ...stopToFollow(f, 'immediate'),
  }),
})

/** No fencer is armed for a primary that was started by hand, or that ran in maintenance mode until a moment ago. */
const unfenced: Rule<ClusterFacts> = rule({
  id: 'race.unfenced-demote',
  why: 'etcd may make a primary the leader before that primary reads the answer: one that nothing would stop does not ask to lead, and must not go on',
  level: 'error',
  match: f => {
    const failures = armFailures(f)
    return runsAsPrimary(f) && !isFenced(f) && failures.length >= ARM_TRIES_MAX && failures
  },
  choose: (f, failures) => ({
    reason: `the fencer could not be armed in ${ARM_TRIES_MAX} tries (${failures.at(-1)}); not asking to lead, stopping PostgreSQL`,
    ...stopToFollow(f, 'fast'),
  }),
})

/** Why the fencer could not be armed, each time in this beat. */
function armFailures({ snap }: ClusterFacts): readonly string[] {
  return snap.outcomes.flatMap(outcome =>
    outcome.action === 'arm-fencer' && outcome.kind !== 'done' ? [outcome.why] : [],
  )
}

/** The store has named no other holder, and in failsafe mode the members still promise not to lead. */
function isOnlyUnanswered(facts: ClusterFacts): boolean {
  return refusedBy(facts) === null && unanswered(facts) && goesOnByMembers(facts)
}

/** By name, for their places in the list of race.ts. */
export const mustStop = {
  lostAsPrimary,
  ledByAnother,
  promoting,
  unknownAsPrimary,
  stalePrimary,
  ledWhileAsking,
  rival,
  unfenced,
}
