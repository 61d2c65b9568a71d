// In which situation is this node? The table is asked from top to bottom. Where the cluster in etcd was seen, a situation's
// rules know it.

import {
  type ClusterFacts,
  clusterIdentifier,
  control,
  type Facts,
  holdsLease,
  isHalfCopied,
  isHalfMade,
  isOverwritten,
  isRunning,
  outcomeOf,
  runsAsPrimary,
  seenCluster,
  someOutcome,
} from './facts.ts'
import { keyVanished, overtakenBy } from './lead/lease-rules.ts'
import { actsInPause } from './lead/maintenance.ts'
import { nameHolder } from './lead/name-holder.ts'
import { orphans } from './rejoin/former-life.ts'
import type { Matched } from './rule.ts'
import { type AskedFacts, askedRules } from './rules/asked.ts'
import { type BlindFacts, blindRules } from './rules/blind.ts'
import { busyRules } from './rules/busy.ts'
import { downRules } from './rules/down.ts'
import { emptyRules } from './rules/empty.ts'
import { followerRules } from './rules/follower.ts'
import { foundingRules } from './rules/founding.ts'
import { leaderRules } from './rules/leader.ts'
import { namesakeRules } from './rules/namesake.ts'
import { orphanedRules } from './rules/orphaned.ts'
import { isOutdated, outdatedRules } from './rules/outdated.ts'
import { pausedRules } from './rules/paused.ts'
import { raceRules } from './rules/race.ts'
import { startingRules } from './rules/starting.ts'
import { stoppingRules } from './rules/stopping.ts'
import { strangerRules } from './rules/stranger.ts'
import { type Situation, type SituationName, situation } from './situation.ts'

export const SITUATIONS: Readonly<Record<SituationName, Situation>> = {
  asked: situation(
    'somebody asked for something that is answered at once, or a scheduled restart is over',
    isAsked,
    askedRules,
  ),
  outdated: situation(
    'what PostgreSQL is configured with is not what is in force, and nobody is at it',
    where(isOutdated),
    outdatedRules,
  ),
  stopping: situation(
    'the agent was asked to stop',
    where(f => f.snap.stopRequested),
    stoppingRules,
  ),
  busy: situation(
    'a long piece of work is in progress',
    where(f => f.snap.work !== null),
    busyRules,
  ),
  blind: situation('the cluster in etcd cannot be seen', seesNothing, blindRules),
  namesake: situation(
    'another node holds the name of this one',
    seen(f => nameHolder(f) !== null),
    namesakeRules,
  ),
  founding: situation(
    'a bootstrap of this node ended, one way or the other',
    seen(f => f.memory.founding !== null),
    foundingRules,
  ),
  paused: situation(
    'maintenance mode is on, and this node has no part in a handover',
    seen(f => f.snap.settings.paused && !actsInPause(f)),
    pausedRules,
  ),
  orphaned: situation(
    'a server of this node runs outside its data directory',
    seen(f => orphans(f).length > 0),
    orphanedRules,
  ),
  empty: situation('there is no usable data directory', seen(hasNoData), emptyRules),
  stranger: situation(
    'the data belongs to another cluster, or to none that etcd knows',
    seen(isStranger),
    strangerRules,
  ),
  down: situation(
    'PostgreSQL is not running',
    seen(f => !isRunning(f.snap)),
    downRules,
  ),
  starting: situation(
    'PostgreSQL runs but does not accept connections yet',
    seen(f => !acceptsConnections(f)),
    startingRules,
  ),
  leader: situation('the lease is ours, or etcd says so', seen(believesToLead), leaderRules),
  race: situation(
    'nobody holds the lease',
    seen(f => f.view.leader === null),
    raceRules,
  ),
  follower: situation(
    'somebody else holds the lease',
    seen(() => true),
    followerRules,
  ),
}

const TABLE = Object.entries(SITUATIONS) as readonly (readonly [SituationName, Situation])[]

interface Judged {
  readonly situation: SituationName
  readonly matched: Matched
}

/** What the first rule that applies says. */
export function judge(facts: Facts): Judged {
  for (const [name, { judge: ask }] of TABLE) {
    const matched = ask(facts)
    if (matched !== null) return { situation: name, matched }
  }
  throw new Error('a node is in no situation')
}

function where(condition: (facts: Facts) => boolean): (facts: Facts) => Facts | null {
  return facts => (condition(facts) ? facts : null)
}

function seesNothing(facts: Facts): BlindFacts | null {
  const { cluster } = facts.snap
  return cluster.known ? null : { ...facts, whyBlind: cluster.why }
}

/** Of a cluster that was seen. */
function seen(condition: (facts: ClusterFacts) => boolean): (facts: Facts) => ClusterFacts | null {
  return facts => {
    const known = seenCluster(facts)
    return known !== null && condition(known) ? known : null
  }
}

/** Only while one of its rules applies: what is to be done is left to the situation in which the node is besides. */
function isAsked(facts: Facts): AskedFacts | null {
  const { snap, memory } = facts
  if ((snap.order ?? null) === null && memory.scheduledRestart === null) return null
  const asked = { ...facts, place: placeOf({ memory, snap: { ...snap, work: null } }) }
  return askedRules.some(rule => rule.apply(asked) !== null) ? asked : null
}

function placeOf(facts: Facts): SituationName {
  const place = TABLE.find(([name, { holds }]) => name !== 'asked' && name !== 'outdated' && holds(facts))
  return place === undefined ? 'blind' : place[0]
}

/**
 * The lease is proved ours for now, or etcd shows our name and nothing in this beat said otherwise. A primary whose key
 * somebody deleted while its lease lives puts it back: a race would leave it running while others are asked.
 */
function believesToLead(facts: ClusterFacts): boolean {
  if (overtakenBy(facts) !== null) return false
  if (holdsLease(facts.snap)) return true
  if (keyVanished(facts)) return runsAsPrimary(facts)
  return facts.view.leader?.name === facts.snap.self.name && !wasRefused(facts)
}

/** That the lease of a former run is gone says nothing about the key. */
function wasRefused({ snap }: ClusterFacts): boolean {
  const adopted = outcomeOf(snap, 'adopt-lease')
  if (adopted?.kind === 'refused' && adopted.holder !== null) return true
  return someOutcome(snap, ['renew-lease', 'acquire-lease'], 'refused')
}

/**
 * A directory that could not be looked at while its server runs is a slow disk, not a lost one (promise 3). What an
 * interrupted bootstrap left is no data, however much it looks like a primary's.
 */
function hasNoData(facts: ClusterFacts): boolean {
  const { snap } = facts
  const { kind } = snap.postgres.dataDirectory
  if (kind === 'empty' || isHalfMade(facts)) return true
  return !isRunning(snap) && (kind === 'inaccessible' || isHalfCopied(snap))
}

function isStranger(facts: ClusterFacts): boolean {
  const { view, snap, memory } = facts
  const data = control(snap.postgres)
  // Whose data it is cannot be read: a node that never belonged here takes no part in a race, and starts nothing.
  if (data === null) return !memory.joined && !holdsLease(snap) && (view.leader === null || !isRunning(snap))
  const cluster = clusterIdentifier(view)
  if (cluster !== null) return cluster !== data.systemIdentifier && !isOverwritten(facts)
  return view.leader === null && !memory.joined
}

/**
 * A server that hangs is taken for what it was. One that was started and has not answered since was nothing yet: it is still
 * starting, and that has its limit.
 */
function acceptsConnections({ snap, memory }: Facts): boolean {
  if (snap.postgres.server.known) return true
  const { process } = snap.postgres
  if (process.kind !== 'running' || process.readiness === 'rejecting' || process.readiness === 'no-response')
    return false
  return process.readiness === 'accepting' || memory.startFailures === 0
}
