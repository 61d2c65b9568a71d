// The exceptions in maintenance mode: a handover to a member that an operator named, and the restart of a server that
// this agent stopped for one (spec/ha.md 3.8.3, 3.16). Everything else is left to the operator.

import { guardOf } from '../../model/cluster/guard.ts'
import {
  type ClusterFacts,
  control,
  type Facts,
  holdsLease,
  isForeign,
  isRunning,
  rewindPossible,
  server,
} from '../facts.ts'
import { keepsKey, orphans } from '../rejoin/former-life.ts'
import { dueRequest } from './request-meaning.ts'

/** This node takes part in a handover: the ordinary rules apply to it until that is over. */
export function actsInPause(facts: ClusterFacts): boolean {
  if (!hasOwnData(facts) || orphans(facts).length > 0) return false
  return handsOver(facts) || comesBack(facts) || takesOver(facts)
}

function hasOwnData(facts: ClusterFacts): boolean {
  const { dataDirectory } = facts.snap.postgres
  return dataDirectory.kind === 'present' && dataDirectory.unfinished === null && !isForeign(facts)
}

/** The server was stopped for a candidate, and this node still holds the lease. */
function handsOver({ memory, snap }: Facts): boolean {
  return memory.handover !== null && !isRunning(snap)
}

/**
 * This agent stopped the server itself, so it starts it again as a standby, after a rewind if need be, but never clones
 * it.
 */
function comesBack(facts: ClusterFacts): boolean {
  const { memory, snap } = facts
  if (!memory.stoppedBySelf || isRunning(snap) || keepsKey(facts) || control(snap.postgres) === null)
    return false
  if (memory.rejoin === 'diverged') return rewindPossible(snap)
  return memory.rejoin !== 'rewind-failed'
}

/** An operator named this standby, or it was already asked to promote, which cannot be taken back. */
function takesOver(facts: ClusterFacts): boolean {
  const { memory, snap, view } = facts
  if (server(snap)?.inRecovery !== true || control(snap.postgres) === null) return false
  if (isNamedInPause(facts)) return view.leader === null || keepsKey(facts) || memory.promotionAsked
  return memory.promotionAsked && !memory.leaderKeyInherited
}

/** An operator named this node in a request for now: in maintenance mode nothing happens on a schedule. */
export function isNamedInPause(facts: ClusterFacts): boolean {
  const request = dueRequest(facts)
  return request?.candidate === facts.snap.self.name && request.scheduledAt === null
}

/**
 * A request in etcd lets another node take over as soon as this node's lease has ended. Only the fencer would stop the
 * server then.
 */
export function mayBeSucceeded(facts: Facts): boolean {
  const { cluster, self } = facts.snap
  const request = cluster.known ? dueRequest({ ...facts, view: cluster.value }) : null
  if (request === null || request.candidate === null || request.candidate === self.name) return false
  return request.note?.begunBy === self.name || keepsKey(facts)
}

/**
 * In maintenance mode a primary is guarded only during a handover, and until etcd has the note that it is unguarded.
 */
export function isGuarded(facts: Facts): boolean {
  const { fencer, settings } = facts.snap
  const isArmed = (fencer.alive && fencer.armedUntilMs !== null) || fencer.formerMayAct
  return !settings.paused || isArmed || isBegun(facts) || isNotedGuarded(facts)
}

/** The note in etcd says that this node is guarded. */
export function isNotedGuarded({ snap }: Facts): boolean {
  return snap.cluster.known && guardOf(snap.cluster.value, snap.self.name) === 'yes'
}

function isBegun({ memory, snap }: Facts): boolean {
  const request = snap.cluster.known ? snap.cluster.value.failover?.value : undefined
  return memory.handover !== null || (request?.note?.begunBy === snap.self.name && holdsLease(snap))
}
