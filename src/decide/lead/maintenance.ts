// What goes on in maintenance mode all the same: a handover to a member that an operator named, and what this agent owes to
// a server that it stopped for one (spec/ha.md 3.8.3, 3.16). Everything else waits for the operator.

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

/** This node has a part in a handover: the rules of every other day are its rules until that is over. */
export function actsInPause(facts: ClusterFacts): boolean {
  if (!hasOwnData(facts) || orphans(facts).length > 0) return false
  return handsOver(facts) || comesBack(facts) || takesOver(facts)
}

function hasOwnData(facts: ClusterFacts): boolean {
  const { dataDirectory } = facts.snap.postgres
  return dataDirectory.kind === 'present' && dataDirectory.unfinished === null && !isForeign(facts)
}

/** The server was stopped for a candidate, and the lease is still ours. */
function handsOver({ memory, snap }: Facts): boolean {
  return memory.handover !== null && !isRunning(snap)
}

/** This agent stopped the server itself: it runs again, as a standby, after a rewind if need be, but not as a copy. */
function comesBack(facts: ClusterFacts): boolean {
  const { memory, snap } = facts
  if (!memory.stoppedBySelf || isRunning(snap) || keepsKey(facts) || control(snap.postgres) === null)
    return false
  if (memory.rejoin === 'diverged') return rewindPossible(snap)
  return memory.rejoin !== 'rewind-failed'
}

/** An operator named this standby, or it has been asked to promote, which nobody can take back. */
function takesOver(facts: ClusterFacts): boolean {
  const { memory, snap, view } = facts
  if (server(snap)?.inRecovery !== true || control(snap.postgres) === null) return false
  if (isNamedInPause(facts)) return view.leader === null || keepsKey(facts) || memory.promotionAsked
  return memory.promotionAsked && !memory.leaderKeyInherited
}

/** In maintenance mode nothing is done by the clock. */
export function isNamedInPause(facts: ClusterFacts): boolean {
  const request = dueRequest(facts)
  return request?.candidate === facts.snap.self.name && request.scheduledAt === null
}

/**
 * A request that lets another node take over as soon as the lease of this one has ended stands in etcd: nothing but the
 * fencer would stop the server then.
 */
export function mayBeSucceeded(facts: Facts): boolean {
  const { cluster, self } = facts.snap
  const request = cluster.known ? dueRequest({ ...facts, view: cluster.value }) : null
  if (request === null || request.candidate === null || request.candidate === self.name) return false
  return request.note?.begunBy === self.name || keepsKey(facts)
}

/** In maintenance mode a primary is guarded only while it hands over, or takes over, and until etcd has taken note that it is not. */
export function isGuarded(facts: Facts): boolean {
  const { fencer, settings } = facts.snap
  const isArmed = (fencer.alive && fencer.armedUntilMs !== null) || fencer.formerMayAct
  return !settings.paused || isArmed || isBegun(facts) || isNotedGuarded(facts)
}

/** Etcd says of this node that something would stop it. */
export function isNotedGuarded({ snap }: Facts): boolean {
  return snap.cluster.known && guardOf(snap.cluster.value, snap.self.name) === 'yes'
}

function isBegun({ memory, snap }: Facts): boolean {
  const request = snap.cluster.known ? snap.cluster.value.failover?.value : undefined
  return memory.handover !== null || (request?.note?.begunBy === snap.self.name && holdsLease(snap))
}
