// Conditions that hold for every decision, whatever the rules say. A violation is a bug: the agent checks before it
// acts, stops acting and logs it; the fencer stops a primary whose agent no longer renews.

import { isLeaseWrite } from '../model/decision/action.ts'
import type { Decision } from '../model/decision/decision.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { type EarlyEnd, isPrimaryOnly, mayEndEarly, type RestartJob } from '../model/decision/work.ts'
import { leadershipEndsAtMs, retryAfterMs, termOf } from '../model/timing.ts'
import { bindingPromise } from './election/failsafe-gate.ts'
import { holdsLease, mayLead, runsAsPrimary, server, storeName, succeeded } from './facts.ts'
import { missingConfiguration } from './known-configuration.ts'
import { heldMarginMs } from './lead/fencing.ts'

const SINGLE = ['begin', 'exit', 'cancel-work', 'apply-configuration']

/** Sentences about what is wrong; none when the decision may be carried out. */
export function violations(snap: Snapshot, decision: Decision): readonly string[] {
  const wrong: string[] = []
  const kinds = [...decision.actions, ...decision.upkeep].map(action => action.kind)
  if (kinds.filter(isLeaseWrite).length > 1) wrong.push('two lease writes in one decision')
  for (const kind of SINGLE)
    if (kinds.filter(other => other === kind).length > 1) wrong.push(`more than one ${kind}`)
  if (kinds.includes('begin') && snap.work !== null) wrong.push('a second long piece of work')
  wrong.push(...askingUnguarded(snap, decision), ...claimingUnguarded(snap, decision))
  wrong.push(...notedWrongly(snap, decision))
  wrong.push(...besideFormer(snap, decision))
  wrong.push(...sleepingBeyondLease(snap, decision))
  wrong.push(...despitePromise(snap, decision))
  if (kinds.includes('apply-configuration') && snap.configuration.applyingSinceMs !== null)
    wrong.push('a second configuration is written beside the first')
  if (kinds.includes('cancel-work')) wrong.push(...endedTooEarly(snap))
  if (decision.reason === '') wrong.push('a decision without a reason')
  if (!(decision.wakeInMs >= 0)) wrong.push(`wake-up in ${decision.wakeInMs} ms`)
  for (const action of decision.actions) {
    if (action.kind !== 'begin') continue
    if (isPrimaryOnly(action.job)) wrong.push(...withoutLease(snap, decision))
    if (action.job.kind === 'promote') wrong.push(...promotionWithout(snap))
    if (isPrimaryOnly(action.job) || action.job.kind === 'bootstrap') wrong.push(...uninformed(snap))
    if (action.job.kind === 'restart') wrong.push(...restartUnguarded(snap, action.job))
    if (action.job.kind === 'clone' && action.job.from.name === snap.self.name)
      wrong.push('a clone of itself')
    if (removesData(action.job.kind) && holdsLease(snap))
      wrong.push(`${action.job.kind} while holding the lease`)
  }
  return wrong
}

const EARLY_ENDS: readonly EarlyEnd[] = [
  'lease-lost',
  'primary-without-lease',
  'agent-stops',
  'nobody-takes-over',
  'reinitialize',
  'pause-ended',
]

/** Some work must run to its end, whatever happens meanwhile. */
function endedTooEarly({ work }: Snapshot): readonly string[] {
  if (work === null) return ['work is cancelled and there is none']
  return EARLY_ENDS.some(why => mayEndEarly(work.job, why))
    ? []
    : [`${work.job.kind} is cancelled, which must end`]
}

/**
 * A node may be the leader in etcd before it reads the answer to its request. In maintenance mode nothing guards a
 * primary.
 */
function askingUnguarded(snap: Snapshot, decision: Decision): readonly string[] {
  if (server(snap)?.inRecovery !== false || snap.settings.paused || isArmed(snap)) return []
  const kinds = decision.actions.map(action => action.kind)
  const asks = kinds.findIndex(kind => kind === 'acquire-lease' || kind === 'take-leader')
  const arms = kinds.indexOf('arm-fencer')
  return asks >= 0 && (arms < 0 || arms > asks) ? ['a primary that nothing guards asks to lead'] : []
}

/** The candidate relies on the claim: in maintenance mode nothing else stops a server before its lease ends. */
function claimingUnguarded(snap: Snapshot, decision: Decision): readonly string[] {
  if (!snap.settings.paused || isArmed(snap)) return []
  const kinds = decision.actions.map(action => action.kind)
  const claims = kinds.indexOf('claim-failover')
  const arms = kinds.indexOf('arm-fencer')
  return claims >= 0 && (arms < 0 || arms > claims) ? ['a handover is begun without an armed fencer'] : []
}

/**
 * Survivors rely on the note: `guarded` needs an armed fencer, and a primary keeps its fencer until etcd says
 * `unguarded`.
 */
function notedWrongly(snap: Snapshot, decision: Decision): readonly string[] {
  const wrong: string[] = []
  const kinds = [...decision.actions, ...decision.upkeep].map(action => action.kind)
  if (kinds.includes('note-guarded') && (snap.settings.paused || !isArmed(snap) || !holdsLease(snap)))
    wrong.push(`a guard is noted in ${storeName(snap)} that is not there`)
  const mayWrite = server(snap)?.inRecovery === false
  if (kinds.includes('disarm-fencer') && mayWrite && !decision.memory.notedUnguarded)
    wrong.push(`the fencer of a primary is disarmed before ${storeName(snap)} has taken note of it`)
  return wrong
}

/** What this node has promised in failsafe mode binds it unless the decision says why it does not. */
function despitePromise(snap: Snapshot, { actions, memory }: Decision): readonly string[] {
  const promise = bindingPromise({ snap, memory })
  if (promise === null) return []
  const claims = actions.some(
    action => action.kind === 'acquire-lease' || (action.kind === 'begin' && isPrimaryOnly(action.job)),
  )
  return claims ? [`leads, though it has promised ${promise.name} not to`] : []
}

/**
 * Measured by the lease itself: the settings may be newer than the lease, which keeps the ttl that it was made with.
 */
function sleepingBeyondLease(snap: Snapshot, { next, wakeInMs, memory }: Decision): readonly string[] {
  const { lease, settings, nowMs } = snap
  // What the members have promised is for a primary that runs.
  const leads = holdsLease(snap) || (mayLead(snap) && runsAsPrimary({ snap, memory }))
  const endsAtMs = leads ? leadershipEndsAtMs(lease) - heldMarginMs(snap) : lease.validUntilMs
  const leftMs = endsAtMs - nowMs
  // A lease that has ended needs no wake-up; one that is about to end is renewed again soon.
  if (next !== 'settled' || (leftMs <= 0 && !leads)) return []
  const longestMs = Math.max(leftMs, retryAfterMs(termOf(lease, settings)))
  return wakeInMs > longestMs
    ? [`sleeps for ${Math.round(wakeInMs)} ms, the lease that it holds lasts ${Math.round(leftMs)} ms`]
    : []
}

/**
 * The leader key is released, adopted or used to begin work only if no former server of this node may still write;
 * otherwise it is left to expire. In maintenance mode the key stays with an orphan.
 */
function besideFormer(snap: Snapshot, decision: Decision): readonly string[] {
  const { orphans, sameData } = snap.postgres.former
  const isKnownDead = orphans.known && orphans.value.length === 0
  const mayWrite = orphans.known ? !isKnownDead : snap.postgres.process.kind !== 'running'
  const wrong: string[] = []
  for (const action of decision.actions) {
    // A server that is shut down except for its last processes writes nothing any more.
    const writes = server(snap)?.inRecovery === false && snap.work?.progress?.stoppedAt === undefined
    if (action.kind === 'release-lease' && writes)
      wrong.push('the leader key is given away beside a running primary')
    if (action.kind === 'release-lease' && mayWrite)
      wrong.push('the leader key is given away though a former server may write')
    if (action.kind === 'adopt-lease' && mayWrite && !(snap.settings.paused && orphans.known))
      wrong.push('the lease of a former server is taken over though that server may write')
    if (action.kind !== 'begin') continue
    if (orphans.known && !isKnownDead && !['stop', 'stop-orphans'].includes(action.job.kind))
      wrong.push(`${action.job.kind} beside a former server`)
    const { job } = action
    const startsPrimary = (job.kind === 'start' || job.kind === 'restart') && job.as === 'primary'
    if (startsPrimary && !(sameData.known && sameData.value))
      wrong.push('other data than this node led with is started as primary')
  }
  return wrong
}

function removesData(kind: string): boolean {
  return ['clone', 'remove-data', 'rewind'].includes(kind)
}

function withoutLease(snap: Snapshot, decision: Decision): readonly string[] {
  const wrong: string[] = []
  // The promises of the members in failsafe mode are for a primary that runs, not for one that is to be made.
  if (snap.lease.leaderUntilMs - snap.nowMs <= heldMarginMs(snap))
    wrong.push('primary-only work without a lease that lasts')
  const arms = decision.actions.some(action => action.kind === 'arm-fencer')
  if (!arms && !isArmed(snap)) wrong.push('primary-only work without an armed fencer')
  return wrong
}

/** Only a server that is already a primary in maintenance mode may restart without a guard. */
function restartUnguarded({ settings, postgres }: Snapshot, job: RestartJob): readonly string[] {
  if (postgres.process.kind !== 'running') return ['a restart of a server that does not run']
  return job.unguarded === true && !settings.paused
    ? ['an unguarded restart outside of maintenance mode']
    : []
}

/**
 * A pause, a mode or another ttl may be in force that this process has not heard of: its own copy on disk may be old.
 */
function uninformed(snap: Snapshot): readonly string[] {
  const { cluster } = snap
  const isMissing = cluster.known && missingConfiguration(snap, cluster.value) !== null
  return isMissing ? ['leads without the configuration of its cluster'] : []
}

function promotionWithout(snap: Snapshot): readonly string[] {
  const wrong: string[] = []
  if (server(snap)?.inRecovery !== true) wrong.push('promotion without a running standby')
  if (!isArmed(snap)) wrong.push('promotion without an armed fencer')
  if (!succeeded(snap, 'note-promotion')) wrong.push('a promotion that etcd has no record of')
  if (
    snap.self.watchdog?.mode === 'required' &&
    !snap.settings.paused &&
    (snap.fencer.watchdog ?? null) === null
  )
    wrong.push('promotion without the watchdog that is required')
  return wrong
}

function isArmed(snap: Snapshot): boolean {
  return snap.fencer.alive && snap.fencer.armedUntilMs !== null && snap.fencer.armedUntilMs > snap.nowMs
}
