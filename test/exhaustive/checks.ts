// What must hold of every decision in the small world, written down without the help of the rules: who runs, who holds
// the lease, and what may follow. Each check answers with a sentence about what is wrong, or with nothing.

import { violations } from '../../src/decide/invariants.ts'
import type { Action } from '../../src/model/decision/action.ts'
import type { Decision } from '../../src/model/decision/decision.ts'
import type { Job } from '../../src/model/decision/work.ts'
import { fenceMarginMs, leadershipEndsAtMs } from '../../src/model/timing.ts'
import { goesUnwatched } from './checks-watchdog.ts'
import type { World } from './parts.ts'
import { unreadable } from './readable.ts'
import { forgetsItself } from './state-check.ts'

export function problems(world: World, decision: Decision): readonly string[] {
  return [
    ...violations(world.snap, decision),
    ...forgetsItself(world, decision),
    ...writesWithoutLease(world, decision),
    ...restartsOther(world, decision),
    ...copiesUnasked(world, decision),
    ...disarmsUnnoted(world, decision),
    ...promisesGuard(world, decision),
    ...racesUnguarded(world, decision),
    ...acquiresBesidePrimary(world, decision),
    ...acquiresOnOldAnswers(world, decision),
    ...releasesBesideItself(world, decision),
    ...forgetsFormerServer(world, decision),
    ...leavesPrimaryRunning(world, decision),
    ...losesData(world, decision),
    ...endsMember(world, decision),
    ...standsStill(world, decision),
    ...handsOverUnclaimed(world, decision),
    ...goesUnwatched(world, decision),
    ...unreadable(decision),
  ]
}

const has = (decision: Decision, kind: Action['kind']): boolean =>
  decision.actions.some(action => action.kind === kind)

function jobs(decision: Decision): readonly Extract<Action, { kind: 'begin' }>['job'][] {
  return decision.actions.flatMap(action => (action.kind === 'begin' ? [action.job] : []))
}

/** As far as this node can tell, without asking the rules. */
function mayBePrimary({ snap, memory }: World): boolean {
  const { server, process, dataDirectory } = snap.postgres
  if (server.known) return !server.value.inRecovery
  if (process.kind === 'stopped') return false
  // Not (or no longer) accepting: it is coming up as what its directory says.
  const starting = process.readiness === 'rejecting' || process.readiness === 'no-response'
  if (starting && dataDirectory.kind === 'present') return !dataDirectory.recoveryConfigured
  if (memory.lastRole !== null) return memory.lastRole === 'primary'
  return dataDirectory.kind === 'present' && !dataDirectory.recoveryConfigured
}

function writesWithoutLease({ snap }: World, decision: Decision): readonly string[] {
  const writing = jobs(decision).some(
    job =>
      job.kind === 'promote' ||
      (job.kind === 'start' && job.as === 'primary') ||
      (job.kind === 'restart' && job.as === 'primary' && job.unguarded !== true),
  )
  if (!writing) return []
  const wrong: string[] = []
  if (snap.lease.leaderUntilMs - snap.nowMs <= fenceMarginMs(snap.settings))
    wrong.push('writes without lease time')
  const begin = decision.actions.findIndex(action => action.kind === 'begin')
  const arm = decision.actions.findIndex(action => action.kind === 'arm-fencer')
  const armed = snap.fencer.alive && (snap.fencer.armedUntilMs ?? 0) > snap.nowMs
  if (!armed && (arm < 0 || arm > begin)) wrong.push('writes without an armed fencer')
  return wrong
}

/** A restart keeps the role that the server has; without a guard only where the operator is at work. */
function restartsOther(world: World, decision: Decision): readonly string[] {
  const wrong: string[] = []
  for (const job of jobs(decision)) {
    if (job.kind !== 'restart') continue
    if ((job.as === 'primary') !== mayBePrimary(world))
      wrong.push(`restarts as ${job.as} what is something else`)
    if (job.unguarded === true && !world.snap.settings.paused)
      wrong.push('restarts a primary that nothing guards')
    if (world.snap.work !== null || world.memory.handover !== null)
      wrong.push('restarts beside something else')
  }
  return wrong
}

/** What somebody asked for replaces data only when the leader has said itself, in this beat, that it is a primary. */
function copiesUnasked(world: World, decision: Decision): readonly string[] {
  const { snap } = world
  const asked = jobs(decision).some(job => job.kind === 'clone' && job.order !== undefined)
  if (!asked) return []
  const leader = snap.cluster.known ? (snap.cluster.value.leader?.name ?? null) : null
  const answer = leader === null ? undefined : snap.peers?.get(leader)
  const wrong: string[] = []
  if (answer?.known !== true || !answer.value.runsAsPrimary) wrong.push('copies nobody who runs as primary')
  if (leader === snap.self.name) wrong.push("replaces the leader's data")
  if (mayBePrimary(world)) wrong.push('replaces the data of what may be a primary')
  return wrong
}

/** Whoever comes after this node goes by what stands in etcd. */
function disarmsUnnoted(world: World, decision: Decision): readonly string[] {
  if (!has(decision, 'disarm-fencer') || !mayBePrimary(world)) return []
  const { cluster, self } = world.snap
  const note = cluster.known ? (cluster.value.guard?.value ?? null) : null
  const isNoted = cluster.known ? note?.leader === self.name && !note.guarded : world.memory.notedUnguarded
  return isNoted ? [] : ['disarms the fencer of a primary before etcd has taken note']
}

function promisesGuard({ snap }: World, decision: Decision): readonly string[] {
  const told = [...decision.actions, ...decision.upkeep].some(({ kind }) => kind === 'note-guarded')
  const armed = snap.fencer.alive && (snap.fencer.armedUntilMs ?? 0) > snap.nowMs
  return told && (!armed || snap.settings.paused) ? ['tells etcd of a guard that is not there'] : []
}

/** Beside a leader that says itself that nothing guards it, and says nothing else, nobody races without an operator. */
function racesUnguarded({ snap, memory }: World, decision: Decision): readonly string[] {
  if (decision.rule !== 'race.acquire-lease' || !snap.cluster.known) return []
  const { server } = snap.postgres
  const { guard = null, lastLeader, failover } = snap.cluster.value
  const note = guard?.value ?? null
  if (note === null || note.guarded || note.leader === snap.self.name) return []
  const led = lastLeader?.value ?? memory.lastLeader
  const answers = snap.peers?.get(note.leader)?.known === true
  const isPrimary = server.known && !server.value.inRecovery
  const isNamed = failover?.value.candidate === snap.self.name
  if (lastLeader?.value === null || led !== note.leader || answers || isPrimary || isNamed) return []
  return ['races beside a leader that nothing guards']
}

/** A second writer is never made; of two that run already, the one on the newer timeline may take the lease. */
function acquiresBesidePrimary(world: World, decision: Decision): readonly string[] {
  if (!has(decision, 'acquire-lease') || decision.rule.endsWith('.reacquire-lease')) return []
  const { server } = world.snap.postgres
  const own = server.known && !server.value.inRecovery ? (server.value.timeline ?? 0) : 0
  const rival = [...(world.snap.peers ?? [])].find(
    ([, answer]) =>
      answer.known &&
      answer.value.runsAsPrimary &&
      (answer.value.timeline === null || answer.value.timeline >= own),
  )
  return rival === undefined ? [] : [`acquires the lease though ${rival[0]} runs as primary`]
}

/** Who spoke before the leader key changed hands may have had it since. */
function acquiresOnOldAnswers({ snap }: World, decision: Decision): readonly string[] {
  if (!has(decision, 'acquire-lease') || decision.rule.endsWith('.reacquire-lease')) return []
  const movedAtMs = decision.memory.leaderMovedAtMs ?? 0
  const isOld = [...(snap.peers ?? [])].some(([, answer]) => answer.known && answer.atMs < movedAtMs)
  return isOld ? ['acquires the lease on answers from before somebody else had it'] : []
}

/** What was shut down by its control file writes nothing though a process lingers. */
function releasesBesideItself(world: World, decision: Decision): readonly string[] {
  if (!has(decision, 'release-lease') || !mayBePrimary(world)) return []
  // In maintenance mode it goes on: but not as the leader of a cluster to which its data does not belong.
  if (world.snap.settings.paused && isForeign(world)) return []
  return world.snap.work?.progress?.stoppedAt === undefined ? ['releases the lease of a running primary'] : []
}

function isForeign({ snap }: World): boolean {
  const { dataDirectory } = snap.postgres
  if (!snap.cluster.known || dataDirectory.kind !== 'present' || !dataDirectory.control.known) return false
  return snap.cluster.value.initialize?.value !== dataDirectory.control.value.systemIdentifier
}

function beginsWithStop(job: Job): boolean {
  return (
    ['stop', 'set-aside', 'remove-data'].includes(job.kind) || (job.kind === 'clone' && job.replaces !== null)
  )
}

/**
 * While a server of a former life may accept writes, known or not, etcd goes on naming this node until the lease ends, its
 * fencer is not sent away, and nothing new is begun. With a server of its own in the directory, an unknown rest is none.
 */
function forgetsFormerServer({ snap }: World, decision: Decision): readonly string[] {
  const { former, process } = snap.postgres
  const mayWrite = former.orphans.known ? former.orphans.value.length > 0 : process.kind === 'stopped'
  if (!mayWrite) return []
  const wrong: string[] = []
  const isNamed = snap.cluster.known && snap.cluster.value.leader?.name === snap.self.name
  const isOurs = snap.lease.leaderUntilMs > snap.nowMs
  const beside = process.kind === 'running' && isOurs
  const kept = snap.settings.paused && former.orphans.known
  if (has(decision, 'release-lease')) wrong.push('gives the leader key away beside a former server')
  if (has(decision, 'adopt-lease') && !kept) wrong.push('takes the lease of a former server over')
  if (isNamed && has(decision, 'renew-lease') && !beside && !kept && snap.work === null)
    wrong.push('renews the lease for a former server')
  const leavesKey = [...decision.actions, ...decision.upkeep].some(action => action.kind === 'keep-lease')
  const hangsOnOurs =
    snap.cluster.known && snap.cluster.value.leader?.leaseId === (snap.lease.leaseId ?? 'no')
  if (isNamed && hangsOnOurs && !isOurs && leavesKey && !kept) wrong.push('keeps the lease that is to expire')
  if (has(decision, 'disarm-fencer') && snap.fencer.formerMayAct && snap.fencer.armedUntilMs === null)
    wrong.push('sends the fencer of a former server away')
  const begun = jobs(decision).filter(job => !['stop', 'stop-orphans'].includes(job.kind))
  if (former.orphans.known && begun.length > 0) wrong.push(`${begun[0]?.kind} beside a former server`)
  return wrong
}

/** A settled decision leaves a primary running only with a lease, or by the members' promises, or on its way down, or where the operator wants it so. */
function leavesPrimaryRunning(world: World, decision: Decision): readonly string[] {
  const { snap, memory } = world
  if (decision.next === 'again' || !mayBePrimary(world)) return []
  if (leadershipEndsAtMs(snap.lease) > snap.nowMs || snap.settings.paused) return []
  if (jobs(decision).some(job => job.kind === 'stop' || job.kind === 'set-aside')) return []
  if (has(decision, 'cancel-work') || snap.work?.cancelled === true) return []
  if (snap.work !== null && (snap.work.job.kind === 'bootstrap' || beginsWithStop(snap.work.job))) return []
  // Data that is not (yet) this cluster's is nobody's second writer; a new cluster has no first one.
  if (memory.founding !== null) return []
  // A former server goes first; the lease that etcd still names this node for is proved after it.
  const named = snap.cluster.known && snap.cluster.value.leader?.name === snap.self.name
  const stopsFormer = jobs(decision).some(job => job.kind === 'stop-orphans')
  if (named && (stopsFormer || snap.work?.job.kind === 'stop-orphans')) return []
  if (decision.rule.startsWith('stranger.') && memory.joinedAs === null) return []
  if (decision.rule === 'blind.wait-first-sight' || decision.rule === 'stopping.stop-failed') return []
  return ['leaves a primary running without a lease']
}

function writes({ cluster }: World['snap'], name: string): boolean {
  if (!cluster.known || cluster.value.leader?.name !== name) return false
  return cluster.value.members.find(member => member.name === name)?.record.role === 'primary'
}

/** What might be the only copy of the newest data is not overwritten while it may have to lead. */
function losesData({ snap, memory }: World, decision: Decision): readonly string[] {
  const destroying = jobs(decision).filter(
    job => job.kind === 'rewind' || job.kind === 'clone' || job.kind === 'remove-data',
  )
  const wrong: string[] = []
  for (const job of destroying) {
    if (snap.lease.leaderUntilMs > snap.nowMs) wrong.push(`${job.kind} while the lease may be ours`)
    if (!snap.cluster.known || snap.cluster.value.leader === null) wrong.push(`${job.kind} without a leader`)
    if (job.kind === 'rewind' && !writes(snap, job.from.name))
      wrong.push('rewind from a node that does not write')
    if (job.kind === 'rewind' && isUnfinishedCopy(snap.postgres.dataDirectory))
      wrong.push('rewind of a copy that was not replayed to its end')
    // See copiesUnasked.
    if (job.kind === 'clone' && job.order !== undefined) continue
    const directory = snap.postgres.dataDirectory
    // What a broken-off copy left is nobody's only trace of anything.
    const present = directory.kind === 'present' && directory.unfinished !== 'copy'
    const verdict = decision.memory.rejoin
    if (present && verdict !== 'diverged' && verdict !== 'rewind-failed')
      wrong.push(`${job.kind} without a verdict`)
    if (
      present &&
      job.kind === 'clone' &&
      !snap.self.removeDataOnDivergedTimelines &&
      !snap.self.removeDataOnRewindFailure
    )
      wrong.push('replaces data without permission')
    if (memory.handover !== null && memory.handover.stoppedAtMs === null)
      wrong.push(`${job.kind} in a handover`)
  }
  return wrong
}

function isUnfinishedCopy(directory: World['snap']['postgres']['dataDirectory']): boolean {
  if (directory.kind !== 'present') return false
  return (
    directory.backupLabel || (directory.control.known && directory.control.value.unfinishedBackup === true)
  )
}

/** A key that was overwritten does not end an agent that had joined with the data that it has. */
function endsMember({ snap, memory }: World, decision: Decision): readonly string[] {
  const directory = snap.postgres.dataDirectory
  if (!has(decision, 'exit') || snap.stopRequested || directory.kind !== 'present') return []
  const { control } = directory
  return control.known && control.value.systemIdentifier === memory.joinedAs
    ? ['ends the agent of a member']
    : []
}

/** Whoever asked may have withdrawn the request, or waits no longer; and an operator's request goes first. */
function handsOverUnclaimed({ snap }: World, decision: Decision): readonly string[] {
  const request = snap.cluster.known ? snap.cluster.value.failover?.value : undefined
  const isOver = (request?.note?.untilMs ?? Number.POSITIVE_INFINITY) < snap.wallMs
  const begins = decision.memory.handover !== null && jobs(decision).some(job => job.kind === 'stop')
  if (begins && decision.memory.handover?.requestRevision === null)
    return request === undefined ? [] : ['hands over by itself']
  if (begins && request?.note?.begunBy !== snap.self.name)
    return ['hands over for a request that it did not take up']
  return (begins || has(decision, 'claim-failover')) && isOver ? ['begins a request that was given up'] : []
}

function standsStill({ memory }: World, decision: Decision): readonly string[] {
  if (decision.next === 'settled' || decision.actions.length > 0) return []
  const keys = Object.keys(memory) as (keyof typeof memory)[]
  return keys.some(key => memory[key] !== decision.memory[key])
    ? []
    : ['takes another step without having done anything']
}
