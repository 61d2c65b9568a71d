// Folds what a snapshot shows into the memory before any rule looks: facts that outlive the beat in which they were
// seen. Pure bookkeeping, no choice is made here.

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { Memory, WorkFailure } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { FinishedWork } from '../model/decision/work.ts'
import { isNewer } from '../model/revision.ts'
import type { BootMillis, MemberName, Millis } from '../model/units.ts'
import { rememberArrival, rememberComparison } from './election/comparison.ts'
import { clusterIdentifier, control, holdsLease, server, someOutcome, succeeded, tried } from './facts.ts'
import { rememberGuardNote } from './lead/guard-note.ts'
import { failureAfter } from './rejoin/failed-work.ts'
import { rememberFoundKey } from './rejoin/former-life.ts'
import { rememberConnecting, rememberReception } from './rejoin/reception.ts'
import { rememberReplayPause } from './rejoin/replay-pause.ts'
import { rememberDrain } from './report/drained.ts'

export function remember(memory: Memory, snap: Snapshot): Memory {
  let next = snap.finished === null ? rememberEarlyStop(memory, snap) : rememberWork(memory, snap.finished)
  next = rememberBrokenRewind(rememberPause(next, snap), snap)
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
  next = rememberArrival(rememberComparison(next, snap), snap)
  next = rememberReplayPause(rememberConnecting(rememberReception(next, snap), snap), snap)
  if (succeeded(snap, 'arm-fencer')) next = { ...next, unfencedSinceMs: null }
  next = rememberGuardNote(next, snap)
  if (succeeded(snap, 'release-lease')) next = { ...next, releasedAtMs: snap.nowMs }
  if (!holdsLease(snap) && next.handover !== null && next.handover.stoppedAtMs !== null) {
    next = { ...next, handover: null, rejoin: 'check', agreesWith: null }
  }
  return next.surplus !== null && next.rejoin !== 'diverged' ? { ...next, surplus: null } : next
}

function rememberRole(memory: Memory, snap: Snapshot): Memory {
  const seen = server(snap)
  // Asked to promote, a server that does not answer may be primary by now, whatever became of the asking.
  if (seen === null && promoting(snap)) return { ...memory, lastRole: 'primary' }
  if (seen === null) return comesUpAsStandby(snap) ? { ...memory, lastRole: 'standby' } : memory
  return {
    ...memory,
    lastRole: seen.inRecovery ? 'standby' : 'primary',
    startFailures: 0,
    startLimitMs: null,
    crashRecoveryTried: false,
    stoppedAt: null,
    stoppedBySelf: false,
  }
}

/** What an operator did to the data in maintenance mode nobody has told: when it ends, the data is compared anew (8.G14). */
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

/** A server that starts or lets nobody in answers that much. */
function silentSince(memory: Memory, { postgres, nowMs }: Snapshot): BootMillis | null {
  const { process, server: seen } = postgres
  const isSilent = process.kind === 'running' && !seen.known && process.readiness !== 'rejecting'
  return isSilent && process.readiness !== 'accepting' ? (memory.silentSinceMs ?? nowMs) : null
}

/** A former run of this agent, or this one, died or was stopped in the middle of a rewind. */
function rememberBrokenRewind(memory: Memory, { postgres }: Snapshot): Memory {
  const directory = postgres.dataDirectory
  if (directory.kind !== 'present' || directory.unfinished !== 'rewind') return memory
  const why = memory.brokenRewind ?? 'an earlier agent ended while it ran'
  return { ...memory, rejoin: 'rewind-failed', agreesWith: null, brokenRewind: why }
}

/** The silence of the watch alone says nothing. */
function blindSince({ blindSinceMs }: Memory, snap: Snapshot): BootMillis | null {
  if (snap.cluster.known) return null
  const couldNotRead = tried(snap, 'read-cluster') && !succeeded(snap, 'read-cluster')
  return blindSinceMs ?? (couldNotRead ? snap.nowMs : null)
}

function promoting({ work, finished }: Snapshot): boolean {
  return work?.job.kind === 'promote' || finished?.job.kind === 'promote'
}

/** Whatever became of the asking; over when the server is a primary, or another one was started. */
function promotionAsked(memory: Memory, snap: Snapshot): boolean {
  if (snap.postgres.process.kind !== 'running' || server(snap)?.inRecovery === false) return false
  return memory.promotionAsked || promoting(snap)
}

/** A former run of this agent won the lease; whether it had asked for the promotion when it died nobody can tell. */
function mayHaveBeenAsked(before: Memory, { leaderKeyInherited: isNamed }: Memory, snap: Snapshot): boolean {
  const isFirstSight = !before.sawCluster && snap.cluster.known
  return isFirstSight && isNamed && snap.postgres.process.kind === 'running'
}

/** Its predecessor was a primary perhaps; this one replays WAL, for hours if need be, before it answers. */
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

/** Of the leader key and the record that outlives it, the newer: somebody may have led and gone between two looks. */
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
    // A new leader may have left our timeline before our position, or not: look before following it or giving anything up.
    // Only data that a rewind left half done is nobody's.
    ...(moved && memory.brokenRewind === null
      ? { rejoin: 'check' as const, agreesWith: null, undecided: null }
      : {}),
    // What failed with the former leader may succeed with this one.
    ...(moved && isCopy(memory.lastFailure) ? { lastFailure: null } : {}),
  }
}

/** A leader that came while etcd holds an identifier that is not ours may lead another cluster. */
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

/** Until a race of our own was won, or the server is primary anyway. */
function leaderKeyInherited(memory: Memory, snap: Snapshot): boolean {
  if (someOutcome(snap, ['acquire-lease', 'take-leader'], 'done')) return false
  if (server(snap)?.inRecovery === false) return false
  if (!snap.cluster.known) return memory.leaderKeyInherited
  const key = snap.cluster.value.leader
  if (key?.name !== snap.self.name) return false
  return memory.leaderKeyInherited || (!holdsLease(snap) && key.leaseId !== snap.lease.leaseId)
}

function rememberWork(memory: Memory, work: FinishedWork): Memory {
  // What was told to end has not failed: the reason of an earlier failure stays.
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
      if (work.ok) return { ...memory, lastRole: 'primary' }
      return failed
    case 'crash-recovery':
      return { ...(work.ok ? memory : failed), crashRecoveryTried: true }
    case 'stop':
      return rememberStop(memory, work)
    default:
      return work.ok ? memory : failed
  }
}

/** Whoever asked for a restart says how long it may take before somebody else leads. */
function startLimit({ job, stillStarting }: FinishedWork): Millis | null {
  return stillStarting === true && job.kind === 'restart' ? job.timeoutMs : null
}

/**
 * A server that was just started may not answer the first look: its role is known all the same. A standby is compared
 * with the leader anew: what the control file of a crashed one promised is less than what it has received.
 */
function started({ job }: FinishedWork, { undecided }: Memory): Partial<Memory> {
  if ((job.kind === 'start' || job.kind === 'restart') && job.as === 'primary') return { lastRole: 'primary' }
  return { lastRole: 'standby', rejoin: 'check', agreesWith: null, undecided: askAtOnce(undecided) }
}

/** A server that runs can say more of its data than a control file. */
function askAtOnce(undecided: Memory['undecided']): Memory['undecided'] {
  return undecided === null ? null : { ...undecided, retryAtMs: 0 }
}

/** The control file said `shut down` before the last process was gone: a handover need not wait for that one. */
function rememberEarlyStop(memory: Memory, snap: Snapshot): Memory {
  const stoppedAt = snap.work?.job.kind === 'stop' ? snap.work.progress?.stoppedAt : undefined
  if (stoppedAt === undefined || memory.handover === null || memory.handover.position !== null) return memory
  return { ...memory, handover: { ...memory.handover, position: stoppedAt, stoppedAtMs: snap.nowMs } }
}

/** A stop ended a role; for a handover it fixed the position that the candidate must reach. */
function rememberStop(memory: Memory, work: FinishedWork): Memory {
  const failure = work.ok || work.cancelled ? {} : { lastFailure: failureAfter(memory.lastFailure, work) }
  const stoppedBySelf = work.ok
  if (memory.handover !== null && work.ok) {
    // The candidate's time counts from when it could have everything, not from when the last process was gone.
    const stoppedAtMs = memory.handover.stoppedAtMs ?? work.finishedAtMs
    const handover = { ...memory.handover, position: work.position, stoppedAtMs }
    return { ...memory, ...failure, handover, stoppedAt: work.position, stoppedBySelf }
  }
  return {
    ...memory,
    ...failure,
    handover: null,
    // Nothing but a new copy mends data that pg_rewind cannot.
    rejoin: memory.rejoin === 'rewind-failed' ? memory.rejoin : 'check',
    agreesWith: null,
    stoppedAt: work.position,
    stoppedBySelf,
  }
}
