// Which situation is this node in? The first one of the table that applies. Below `blind`, every rule can rely on a
// view of the cluster.

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
    'PostgreSQL does not have the configuration in force yet, and it is not being written',
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

/** The node's situation, and the first rule of it that applies. */
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

/** A condition on a cluster that is visible. */
function seen(condition: (facts: ClusterFacts) => boolean): (facts: Facts) => ClusterFacts | null {
  return facts => {
    const known = seenCluster(facts)
    return known !== null && condition(known) ? known : null
  }
}

/**
 * Only while one of its rules applies: the order itself is carried out in the situation that the node is in otherwise.
 */
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
 * This node has proved its lease, or etcd shows its name and nothing in this beat contradicts that. A primary whose
 * leader key was deleted while its lease lives writes the key again: a race would leave it running while the others are
 * asked.
 */
function believesToLead(facts: ClusterFacts): boolean {
  if (overtakenBy(facts) !== null) return false
  if (holdsLease(facts.snap)) return true
  if (keyVanished(facts)) return runsAsPrimary(facts)
  return facts.view.leader?.name === facts.snap.self.name && !wasRefused(facts)
}

/** If the lease of an earlier run has ended, that does not show who has the key. */
function wasRefused({ snap }: ClusterFacts): boolean {
  const adopted = outcomeOf(snap, 'adopt-lease')
  if (adopted?.kind === 'refused' && adopted.holder !== null) return true
  return someOutcome(snap, ['renew-lease', 'acquire-lease'], 'refused')
}

/**
 * A directory that cannot be read while its server runs means a slow disk, not a lost one (promise 3). What an
 * interrupted bootstrap left behind does not count as data, even if it looks like a primary's.
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
  // The control file cannot be read: a node that never joined this cluster takes no part in a race and starts nothing.
  if (data === null) return !memory.joined && !holdsLease(snap) && (view.leader === null || !isRunning(snap))
  const cluster = clusterIdentifier(view)
  if (cluster !== null) return cluster !== data.systemIdentifier && !isOverwritten(facts)
  return view.leader === null && !memory.joined
}

/**
 * A server that hangs counts as what it was before. A server that has not answered since it was started is still
 * starting, which has a limit of its own.
 */
function acceptsConnections({ snap, memory }: Facts): boolean {
  if (snap.postgres.server.known) return true
  const { process } = snap.postgres
  if (process.kind !== 'running' || process.readiness === 'rejecting' || process.readiness === 'no-response')
    return false
  return process.readiness === 'accepting' || memory.startFailures === 0
}
