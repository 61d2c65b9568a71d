// Folds a snapshot into the memory before any rule looks: facts that outlive the beat in which they were seen. This is
// bookkeeping only; no choice is made here.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { Memory, WorkFailure } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { FinishedWork } from '../model/decision/work.ts'
import { isNewer } from '../model/revision.ts'
import type { BootMillis, MemberName, Millis } from '../model/units.ts'
import { rememberArrival, rememberComparison } from './election/comparison.ts'
import { rememberBackoff } from './election/race-backoff.ts'
import {
  clusterIdentifier,
  control,
  hangsOnOwnLease,
  holdsLease,
  server,
  someOutcome,
  succeeded,
  tried,
} from './facts.ts'
import { rememberFailsafe } from './lead/failsafe-memory.ts'
import { rememberGuardNote } from './lead/guard-note.ts'
import { failureAfter } from './rejoin/failed-work.ts'
import { rememberFoundKey } from './rejoin/former-life.ts'
import { rememberConnecting, rememberReception } from './rejoin/reception.ts'
import { rememberReplayPause } from './rejoin/replay-pause.ts'
import { forgetSurvivor } from './rejoin/survives-kill.ts'
import { rememberDrain } from './report/drained.ts'
import { rememberLeavingSync } from './sync/leaving.ts'
import { rememberSync } from './sync/sight.ts'

export function remember(memory: Memory, snap: Snapshot): Memory {
  let next = snap.finished === null ? rememberEarlyStop(memory, snap) : rememberWork(memory, snap.finished)
  next = rememberBrokenRewind(rememberPause(forgetSurvivor(next, snap), snap), snap)
  next = {
    ...rememberRole(next, snap),
    promotionAsked: promotionAsked(memory, snap),
    silentSinceMs: silentSince(memory, snap),
    blindSinceMs: blindSince(memory, snap),
  }
  if (snap.cluster.known) {
    const view = snap.cluster.value
    next = rememberIdentifier(rememberCluster(next, view, snap), memory.lastLeader, view, snap)
    next = rememberFoundKey(next, view, snap)
  }
  next = { ...next, leaderKeyInherited: leaderKeyInherited(next, snap) }
  if (mayHaveBeenAsked(memory, next, snap)) next = { ...next, promotionAsked: true }
  next = rememberBackoff(rememberArrival(rememberComparison(next, snap), snap), snap)
  next = rememberReplayPause(rememberConnecting(rememberReception(next, snap), snap), snap)
  if (succeeded(snap, 'arm-fencer')) next = { ...next, unfencedSinceMs: null }
  next = rememberLeavingSync(rememberSync(rememberFailsafe(rememberGuardNote(next, snap), snap), snap), snap)
  if (succeeded(snap, 'release-lease')) next = { ...next, releasedAtMs: snap.nowMs }
  if (!holdsLease(snap) && next.handover !== null && next.handover.stoppedAtMs !== null) {
    next = { ...next, handover: null, rejoin: 'check', agreesWith: null }
  }
  return next.surplus !== null && next.rejoin !== 'diverged' ? { ...next, surplus: null } : next
}

function rememberRole(memory: Memory, snap: Snapshot): Memory {
  const seen = server(snap)
  // A server that was asked to promote and does not answer may be a primary by now, even if the request failed.
  if (seen === null && promoting(snap)) return { ...memory, lastRole: 'primary' }
  if (seen === null) return comesUpAsStandby(snap) ? { ...memory, lastRole: 'standby' } : memory
  return {
    ...memory,
    lastRole: seen.inRecovery ? 'standby' : 'primary',
    startFailures: 0,
    startLimitMs: null,
    crashRecoveryTried: false,
    yields: snap.work === null ? null : memory.yields,
    stoppedAt: null,
    stoppedBySelf: false,
  }
}

/** An operator may have changed the data in maintenance mode: afterwards it is compared again (8.G14). */
function rememberPause(memory: Memory, { settings }: Snapshot): Memory {
  const next = { ...memory, wasPaused: settings.paused }
  if (!memory.wasPaused || settings.paused) return next
  return {
    ...next,
    agreesWith: null,
    undecided: null,
    ...(memory.brokenRewind === null ? { rejoin: 'check' as const } : {}),
    ...(isCopy(memory.lastFailure) ? { lastFailure: null } : {}),
  }
}

/** A server that is starting, or that rejects sessions, is not silent: pg_isready gets an answer. */
function silentSince(memory: Memory, { postgres, nowMs }: Snapshot): BootMillis | null {
  const { process, server: seen } = postgres
  const isSilent = process.kind === 'running' && !seen.known && process.readiness !== 'rejecting'
  return isSilent && process.readiness !== 'accepting' ? (memory.silentSinceMs ?? nowMs) : null
}

/** A rewind did not finish: this agent, or an earlier run of it, died or was stopped meanwhile. */
function rememberBrokenRewind(memory: Memory, { postgres }: Snapshot): Memory {
  const directory = postgres.dataDirectory
  if (directory.kind !== 'present' || directory.unfinished !== 'rewind') return memory
  const why = memory.brokenRewind ?? 'an earlier agent ended while it ran'
  return { ...memory, rejoin: 'rewind-failed', agreesWith: null, brokenRewind: why }
}

/** Etcd counts as unreachable only after a read has failed: a silent watch proves nothing. */
function blindSince({ blindSinceMs }: Memory, snap: Snapshot): BootMillis | null {
  if (snap.cluster.known) return null
  const couldNotRead = tried(snap, 'read-cluster') && !succeeded(snap, 'read-cluster')
  return blindSinceMs ?? (couldNotRead ? snap.nowMs : null)
}

function promoting({ work, finished }: Snapshot): boolean {
  return work?.job.kind === 'promote' || finished?.job.kind === 'promote'
}

/** A promotion was requested and may come about, even if the request failed. Ends when the server is primary or has stopped. */
function promotionAsked(memory: Memory, snap: Snapshot): boolean {
  if (snap.postgres.process.kind !== 'running' || server(snap)?.inRecovery === false) return false
  return memory.promotionAsked || promoting(snap)
}

/** An earlier run of this agent won the lease and died: it may or may not have requested the promotion. */
function mayHaveBeenAsked(before: Memory, { leaderKeyInherited: isNamed }: Memory, snap: Snapshot): boolean {
  const isFirstSight = !before.sawCluster && snap.cluster.known
  return isFirstSight && isNamed && snap.postgres.process.kind === 'running'
}

/** A standby that is starting may replay WAL for hours before it answers; the server before it may have been a primary. */
function comesUpAsStandby({ work, postgres }: Snapshot): boolean {
  const directory = postgres.dataDirectory
  if (postgres.process.kind !== 'running' || directory.kind !== 'present') return false
  const starts = work?.job.kind === 'clone' || (work?.job.kind === 'start' && work.job.as === 'standby')
  return starts && directory.recoveryConfigured
}

function rememberCluster(memory: Memory, view: ClusterView, snap: Snapshot): Memory {
  const data = control(snap.postgres)
  const joined = memory.joined || (data !== null && view.initialize?.value === data.systemIdentifier)
  const next = { ...rememberDrain(memory, view, snap), sawCluster: true, joined }
  const led = rememberLeader(next, view, snap)
  if (view.leader === null) return { ...led, leaderlessSinceMs: memory.leaderlessSinceMs ?? snap.nowMs }
  return { ...led, lastMembers: view.members, leaderlessSinceMs: null, releasedAtMs: null }
}

function isCopy(failure: WorkFailure | null): boolean {
  return failure?.job === 'rewind' || failure?.job === 'clone'
}

/** The newer one of the leader key and the record that outlives it: a node may have led and gone between two looks. */
function rememberLeader(memory: Memory, view: ClusterView, snap: Snapshot): Memory {
  const { lastLeader } = view
  const recorded = lastLeader === null ? null : { ...lastLeader, name: lastLeader.value ?? memory.lastLeader }
  const newest = view.leader ?? recorded
  if (newest === null || (view.leader === null && !isNewer(newest.modRevision, memory.lastLeaderRevision)))
    return memory
  const moved = newest.name !== memory.lastLeader && newest.name !== snap.self.name
  return {
    ...memory,
    lastLeader: newest.name,
    lastLeaderRevision: newest.modRevision,
    leaderMovedAtMs: newest.modRevision === memory.lastLeaderRevision ? memory.leaderMovedAtMs : snap.nowMs,
    // A new leader may have left this node's timeline before this node's position: compare before following it or giving
    // anything up. After a rewind that did not finish there is nothing to compare.
    ...(moved && memory.brokenRewind === null
      ? { rejoin: 'check' as const, agreesWith: null, undecided: null }
      : {}),
    // A copy that failed with the former leader may succeed with this one.
    ...(moved && isCopy(memory.lastFailure) ? { lastFailure: null } : {}),
  }
}

/** A leader that was elected while etcd holds another identifier than this node's data may lead another cluster. */
function rememberIdentifier(
  memory: Memory,
  leaderBefore: MemberName | null,
  view: ClusterView,
  snap: Snapshot,
): Memory {
  const own = control(snap.postgres)?.systemIdentifier ?? memory.joinedAs
  const cluster = clusterIdentifier(view)
  if (own === null || cluster === null) return { ...memory, strangeLeader: null }
  if (cluster === own) return { ...memory, joinedAs: own, strangeLeader: null }
  const isNew = memory.lastLeader !== leaderBefore && memory.lastLeader !== snap.self.name
  return isNew ? { ...memory, strangeLeader: memory.lastLeader } : memory
}

/** The leader key came from an earlier run or was written by hand, until this process wins a race or its server is primary. */
function leaderKeyInherited(memory: Memory, snap: Snapshot): boolean {
  if (someOutcome(snap, ['acquire-lease', 'take-leader'], 'done')) return false
  if (server(snap)?.inRecovery === false) return false
  if (!snap.cluster.known) return memory.leaderKeyInherited
  const key = snap.cluster.value.leader
  if (key?.name !== snap.self.name) return false
  return memory.leaderKeyInherited || (!holdsLease(snap) && !hangsOnOwnLease(key, snap))
}

function rememberWork(memory: Memory, work: FinishedWork): Memory {
  // Cancelled work has not failed: the reason of an earlier failure stays.
  const failed =
    work.cancelled && work.job.kind !== 'bootstrap'
      ? memory
      : { ...memory, lastFailure: failureAfter(memory.lastFailure, work) }
  switch (work.job.kind) {
    case 'bootstrap':
      return {
        ...(work.ok ? memory : failed),
        founding: {
          initializeRevision: work.job.initializeRevision,
          ...(work.ok ? { stage: 'ready' } : { stage: 'failed', why: work.why }),
        },
      }
    case 'start':
    case 'restart':
      if (work.ok)
        return {
          ...memory,
          ...started(work, memory),
          startFailures: 0,
          startLimitMs: null,
          lastFailure: null,
          crashRecoveryTried: false,
        }
      return work.cancelled
        ? memory
        : { ...failed, startFailures: memory.startFailures + 1, startLimitMs: startLimit(work) }
    case 'clone':
      return work.ok
        ? {
            ...memory,
            rejoin: 'check',
            agreesWith: null,
            brokenRewind: null,
            lastFailure: null,
            lastRole: null,
          }
        : failed
    case 'rewind':
      if (work.ok) return { ...memory, rejoin: 'check', agreesWith: null, lastFailure: null }
      return work.damaged ? { ...failed, rejoin: 'rewind-failed', brokenRewind: work.why } : failed
    case 'remove-data':
      return work.ok
        ? { ...memory, rejoin: 'check', agreesWith: null, brokenRewind: null, lastRole: null }
        : failed
    case 'promote':
      return work.ok ? { ...memory, lastRole: 'primary' } : failed
    case 'crash-recovery':
      return { ...(work.ok ? memory : failed), crashRecoveryTried: true }
    case 'stop':
      return rememberStop(memory, work)
    default:
      return work.ok ? memory : failed
  }
}

/** The request for a restart says how long it may take before another node leads. */
function startLimit({ job, stillStarting }: FinishedWork): Millis | null {
  return stillStarting === true && job.kind === 'restart' ? job.timeoutMs : null
}

/**
 * The role of a server that was just started is known even if it does not answer the first look. A standby is compared with
 * the leader again: after a crash it may hold more WAL than its control file said.
 */
function started({ job }: FinishedWork, { undecided }: Memory): Partial<Memory> {
  if ((job.kind === 'start' || job.kind === 'restart') && job.as === 'primary') return { lastRole: 'primary' }
  return { lastRole: 'standby', rejoin: 'check', agreesWith: null, undecided: askAtOnce(undecided) }
}

/** A running server knows more about its data than its control file does. */
function askAtOnce(undecided: Memory['undecided']): Memory['undecided'] {
  return undecided === null ? null : { ...undecided, retryAtMs: 0 }
}

/** A handover need not wait for the last processes once the control file says `shut down`. */
function rememberEarlyStop(memory: Memory, snap: Snapshot): Memory {
  const stoppedAt = snap.work?.job.kind === 'stop' ? snap.work.progress?.stoppedAt : undefined
  if (stoppedAt === undefined || memory.handover === null || memory.handover.position !== null) return memory
  return { ...memory, handover: { ...memory.handover, position: stoppedAt, stoppedAtMs: snap.nowMs } }
}

/** A stop ends the server's role; in a handover it fixes the position that the candidate must reach. */
function rememberStop(memory: Memory, work: FinishedWork): Memory {
  const failure = work.ok || work.cancelled ? {} : { lastFailure: failureAfter(memory.lastFailure, work) }
  if (memory.handover !== null && work.ok) {
    // The candidate's time limit begins when it could have everything, not when the last process was gone.
    const stoppedAtMs = memory.handover.stoppedAtMs ?? work.finishedAtMs
    const handover = { ...memory.handover, position: work.position, stoppedAtMs }
    return { ...memory, ...failure, handover, stoppedAt: work.position, stoppedBySelf: true }
  }
  return {
    ...memory,
    ...failure,
    handover: null,
    // Only a new copy helps where pg_rewind cannot.
    rejoin: memory.rejoin === 'rewind-failed' ? memory.rejoin : 'check',
    agreesWith: null,
    stoppedAt: work.position,
    stoppedBySelf: work.ok,
  }
}
