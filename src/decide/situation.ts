// In which one situation is this node? Asked in this order; each situation carries only the facts its rules may use.

import type { ClusterView } from '../model/cluster.ts'
import type { Memory } from '../model/memory.ts'
import type { Snapshot } from '../model/snapshot.ts'
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
  someOutcome,
} from './facts.ts'
import { orphans } from './former.ts'
import { keyVanished, overtakenBy } from './lease.ts'
import { actsInPause } from './maintenance.ts'
import { nameHolder } from './name-holder.ts'
import { type AskedFacts, askedRules } from './rules/asked.ts'

export type Situation =
  /** Somebody asked for something that is answered at once, or a scheduled restart is over. */
  | { readonly name: 'asked'; readonly facts: AskedFacts }
  /** The agent was asked to stop. */
  | { readonly name: 'stopping'; readonly facts: Facts }
  /** A long piece of work is in progress. */
  | { readonly name: 'busy'; readonly facts: Facts }
  /** The cluster in etcd cannot be seen. */
  | { readonly name: 'blind'; readonly facts: Facts }
  /** A bootstrap of ours ended, one way or the other. */
  | { readonly name: 'founding'; readonly facts: ClusterFacts }
  /** Maintenance mode, and this node has no part in a handover. */
  | { readonly name: 'paused'; readonly facts: ClusterFacts }
  /** A server of this node runs outside its data directory. */
  | { readonly name: 'orphaned'; readonly facts: ClusterFacts }
  /** No usable data directory. */
  | { readonly name: 'empty'; readonly facts: ClusterFacts }
  /** The data belongs to another cluster, or to none that etcd knows; or the name belongs to another node. */
  | { readonly name: 'stranger'; readonly facts: ClusterFacts }
  /** PostgreSQL is not running. */
  | { readonly name: 'down'; readonly facts: ClusterFacts }
  /** PostgreSQL runs but does not accept connections yet. */
  | { readonly name: 'starting'; readonly facts: ClusterFacts }
  /** The lease is ours, or etcd says so. */
  | { readonly name: 'leader'; readonly facts: ClusterFacts }
  /** Nobody holds the lease. */
  | { readonly name: 'race'; readonly facts: ClusterFacts }
  /** Somebody else holds the lease. */
  | { readonly name: 'follower'; readonly facts: ClusterFacts }

export type SituationName = Situation['name']

export function situationOf(snap: Snapshot, memory: Memory): Situation {
  if ((snap.order ?? null) !== null || memory.scheduledRestart !== null) {
    const place = situationWithoutOrders({ ...snap, work: null }, memory).name
    const asked = { snap, memory, place }
    if (askedRules.some(rule => rule.apply(asked) !== null)) return { name: 'asked', facts: asked }
  }
  return situationWithoutOrders(snap, memory)
}

function situationWithoutOrders(snap: Snapshot, memory: Memory): Situation {
  const facts = { snap, memory }
  if (snap.stopRequested) return { name: 'stopping', facts }
  if (snap.work !== null) return { name: 'busy', facts }
  if (!snap.cluster.known) return { name: 'blind', facts }
  const seen = { ...facts, view: snap.cluster.value }
  if (nameHolder(seen) !== null) return { name: 'stranger', facts: seen }
  if (memory.founding !== null) return { name: 'founding', facts: seen }
  if (snap.settings.paused && !actsInPause(seen)) return { name: 'paused', facts: seen }
  if (orphans(seen).length > 0) return { name: 'orphaned', facts: seen }
  if (hasNoData(seen)) return { name: 'empty', facts: seen }
  if (isStranger(seen.view, snap, memory)) return { name: 'stranger', facts: seen }
  if (!isRunning(snap)) return { name: 'down', facts: seen }
  if (!acceptsConnections(snap)) return { name: 'starting', facts: seen }
  if (believesToLead(seen)) return { name: 'leader', facts: seen }
  return seen.view.leader === null ? { name: 'race', facts: seen } : { name: 'follower', facts: seen }
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

function isStranger(view: ClusterView, snap: Snapshot, memory: Memory): boolean {
  const data = control(snap.postgres)
  // Whose data it is cannot be read: a node that never belonged here takes no part in a race, and starts nothing.
  if (data === null) return !memory.joined && !holdsLease(snap) && (view.leader === null || !isRunning(snap))
  const cluster = clusterIdentifier(view)
  if (cluster !== null) return cluster !== data.systemIdentifier && !isOverwritten({ view, snap, memory })
  return view.leader === null && !memory.joined
}

function acceptsConnections(snap: Snapshot): boolean {
  if (snap.postgres.server.known) return true
  const { process } = snap.postgres
  return (
    process.kind === 'running' && process.readiness !== 'rejecting' && process.readiness !== 'no-response'
  )
}
