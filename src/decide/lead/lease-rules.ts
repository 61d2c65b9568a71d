// The lease rules that all situations of a leader share: adopt the key that an earlier run of this agent left, renew in time,
// and distinguish "refused" from "no answer". Their ids begin with the situation's name.

import { type ClusterStatus, leaderKeyIsGone } from '../../model/cluster/cluster.ts'
import type { Action, ActionKind } from '../../model/decision/action.ts'
import { isUnguarded } from '../../model/decision/work.ts'
import {
  demoteMarginMs,
  holdOnAfterMs,
  isRetimed,
  isShortened,
  leadershipLeftMs,
  renewalDueAtMs,
  termOf,
} from '../../model/timing.ts'
import { bindingPromise } from '../election/failsafe-gate.ts'
import {
  type Facts,
  holdsLease,
  isRunning,
  mayLead,
  mayWrite,
  namedLeader,
  outcomeOf,
  runsAsPrimary,
  seconds,
  storeName,
  tried,
} from '../facts.ts'
import { formerMayWrite, isOtherData } from '../rejoin/former-life.ts'
import { survivesKill } from '../rejoin/survives-kill.ts'
import { type Rule, rule } from '../rule.ts'
import { buildStatus } from '../upkeep/status-key.ts'
import { askGuarded, isFenced, nextMarginMs } from './fencing.ts'
import { isGuarded } from './maintenance.ts'
import { nameHolder } from './name-holder.ts'
import { takingOver } from './watchdog.ts'

/** Arms the fencer before the end of the lease whenever the server may accept writes, unless maintenance mode lets it go on. */
function guardActions(facts: Facts): readonly Action[] {
  if (!mayWrite(facts) || !isGuarded(facts)) return []
  return [{ kind: 'arm-fencer', marginMs: nextMarginMs(facts.snap), ...takingOver(facts) }]
}

/**
 * A renewal and the arming of the fencer. If the renewal moves the leader key to a shorter lease, the fencer gets the earlier
 * deadline first: the agent may freeze, or the answer get lost, before it could arm it afterwards.
 */
export function renewal(facts: Facts, status: ClusterStatus | null): readonly Action[] {
  const { lease, settings, fencer } = facts.snap
  // One that is armed for a start that failed is armed for the next one too.
  const isArmed = fencer.alive && fencer.armedUntilMs !== null
  const mustArm = isArmed || guardActions(facts).length > 0
  const shortens = isShortened(lease, settings) && mayLead(facts.snap) && mustArm
  const ahead: readonly Action[] = shortens
    ? [{ kind: 'arm-fencer', marginMs: nextMarginMs(facts.snap), withinMs: settings.ttlMs }]
    : []
  return [...ahead, { kind: 'renew-lease', status }, ...guardActions(facts)]
}

/** The fencer could not be armed for a shorter lease: the leader key stays on the longer one for now. */
export function cannotShorten({ snap }: Facts): boolean {
  const armed = outcomeOf(snap, 'arm-fencer')
  return isShortened(snap.lease, snap.settings) && armed !== null && armed.kind !== 'done'
}

const ENDS_DOUBT: readonly ActionKind[] = ['renew-lease', 'acquire-lease', 'take-leader', 'release-lease']

/** A proof of the lease was tried in this beat. If only the lease of an earlier run has ended, nothing is proved yet. */
export function triedToProveLease({ snap }: Facts): boolean {
  const adopted = outcomeOf(snap, 'adopt-lease')
  const formerIsGone = adopted?.kind === 'refused' && adopted.holder === null
  if (adopted !== null && !formerIsGone) return true
  return ENDS_DOUBT.some(action => tried(snap, action))
}

/**
 * Somebody deleted the leader key: etcd has just said that no node holds it, while the lease that it hung on has lived without
 * a gap and no other node took it. In all other cases another node may have led meanwhile, and the key is raced for.
 */
export function keyVanished(facts: Facts): boolean {
  const { snap } = facts
  const outcome = outcomeOf(snap, 'renew-lease')
  return (
    !ledMeanwhile(facts) &&
    outcome?.kind === 'refused' &&
    outcome.holder === null &&
    snap.lease.validUntilMs > snap.nowMs &&
    // A lease that was made in this beat has no past.
    !tried(snap, 'keep-lease') &&
    !tried(snap, 'acquire-lease') &&
    !tried(snap, 'release-lease')
  )
}

/** Another node took the leader key since this node did. Not known counts as yes: only etcd records the last leader. */
export function ledMeanwhile({ snap }: Facts): boolean {
  if (!snap.cluster.known) return true
  const last = snap.cluster.value.lastLeader
  return last !== null && last.value !== snap.self.name
}

/** The request is refused if any node has led since this look, even if no node holds the key any more. */
export function acquireLease(facts: Facts): Action {
  const { cluster } = facts.snap
  const last = cluster.known ? cluster.value.lastLeader : null
  const promise = facts.snap.promises?.last ?? null
  const isFree = promise !== null && bindingPromise(facts) === null
  return {
    ...{ kind: 'acquire-lease', ifRevision: last?.modRevision ?? null },
    ...(mayGoUnguarded(facts) && { unguarded: true }),
    ...(isFree && { despitePromiseAtMs: promise.atMs }),
  }
}

/** A primary in maintenance mode, or one restarted in it: it may lead unguarded, even if its fencer happens to be armed. */
function mayGoUnguarded(facts: Facts): boolean {
  const { settings, work } = facts.snap
  if (work !== null && (settings.paused || isUnguarded(work.job))) return true
  return settings.paused && (runsAsPrimary(facts) || formerMayWrite(facts))
}

/** A primary without a fencer, or with one armed for later than the new lease can end, arms its fencer before it asks. */
export function askForLease(facts: Facts): readonly Action[] {
  const ask = acquireLease(facts)
  const { nowMs, settings, fencer } = facts.snap
  const lasts = isFenced(facts) && (fencer.armedUntilMs ?? 0) <= nowMs + settings.ttlMs
  return runsAsPrimary(facts) && !lasts ? askGuarded(facts, ask) : [ask]
}

/**
 * Another node's name is on the leader key. A view is never older than this node's last proof of its lease, so the key is
 * lost, whatever the lease arithmetic says: the lease was revoked, or etcd lost it.
 */
export function overtakenBy({ snap }: Facts): string | null {
  const leader = snap.cluster.known ? snap.cluster.value.leader : null
  return leader === null || leader.name === snap.self.name ? null : leader.name
}

/** Text for a decision's `reason`. */
function newTtl({ snap: { lease, settings } }: Facts): string {
  if (!isRetimed(lease, settings)) return ''
  return `: it was made for ${seconds(lease.ttlMs)}, and ttl is ${seconds(settings.ttlMs)} now`
}

/**
 * An agent adopts the leader key of its earlier run only if no other server of that run may write, and if the server that runs
 * now is the one that had the key. In maintenance mode no server is stopped, so the key stays with one that is known to run,
 * wherever its directory is. While another node uses this node's name, the key may be that node's.
 */
function mayTakeOver(facts: Facts): boolean {
  const { snap } = facts
  if (nameHolder(facts) !== null || (isOtherData(facts) && runsAsPrimary(facts))) return false
  return !formerMayWrite(facts) || (snap.settings.paused && snap.postgres.former.orphans.known)
}

function mustRenew(facts: Facts): boolean {
  const { snap } = facts
  if (triedToProveLease(facts) || cannotShorten(facts) || survivesKill(facts) !== null) return false
  // A lease that only a former server could use is left to expire.
  if (!(holdsLease(snap) && isRunning(snap)) && !mayTakeOver(facts)) return false
  if (!holdsLease(snap)) return namedLeader(facts)
  const someoneElse = snap.cluster.known && !namedLeader(facts)
  return someoneElse || snap.nowMs >= renewalDueAtMs(snap.lease, snap.settings)
}

/** Leadership is proved before it is used. */
export function proofRules(situation: string): readonly Rule<Facts>[] {
  return [adoptLease(situation), renewLease(situation), reacquireLease(situation)]
}

function adoptLease(situation: string): Rule<Facts> {
  return rule({
    id: `${situation}.adopt-lease`,
    why: 'a restarted agent keeps the lease that its leader key already hangs on, so that no write is refused',
    match: f => {
      const key = f.snap.cluster.known ? f.snap.cluster.value.leader : null
      if (holdsLease(f.snap) || key === null || key.name !== f.snap.self.name) return null
      const { leaseId } = key
      const isFound =
        leaseId !== null && leaseId !== f.snap.lease.leaseId && leaseId !== f.memory.abandonedLease
      return isFound && !triedToProveLease(f) && mayTakeOver(f) ? { leaseId } : null
    },
    choose: (f, { leaseId }) => ({
      reason: 'the leader key holds my name from before this agent started; taking its lease over',
      actions: [{ kind: 'adopt-lease', leaseId }, ...guardActions(f)],
      remember: { abandonedLease: leaseId },
    }),
  })
}

export function renewLease(situation: string): Rule<Facts> {
  return rule({
    id: `${situation}.renew-lease`,
    why: 'only a renewal that etcd confirmed proves leadership',
    log: 'pulse',
    match: mustRenew,
    choose: f => ({
      reason: `renewing the lease, ${leaseLeft(f)} left${newTtl(f)}`,
      actions: renewal(f, buildStatus(f)),
    }),
  })
}

function reacquireLease(situation: string): Rule<Facts> {
  return rule({
    id: `${situation}.reacquire-lease`,
    why: 'the leader key vanished while the lease lives: this node creates it again before another node can',
    level: 'warning',
    match: keyVanished,
    choose: f => ({
      reason: 'the leader key is gone though our lease is alive; creating it again',
      actions: askForLease(f),
    }),
  })
}

/** Text for a decision's `reason`: how long this node may still lead. */
export function leaseLeft({ snap }: Facts): string {
  return seconds(Math.max(0, leadershipLeftMs(snap.lease, snap.nowMs)))
}

/** The lease lasts long enough for one more request before the agent gives up; the fencer needs the rest (promise 1). */
export function hasTimeLeft({ snap }: Facts): boolean {
  return leadershipLeftMs(snap.lease, snap.nowMs) > demoteMarginMs(termOf(snap.lease, snap.settings))
}

/**
 * The renewal got no answer, but there is time left: wait and retry (promise 3). Where the key is known to be gone, only
 * the promises of the members count.
 */
export function unansweredButAlive(facts: Facts): boolean {
  const { cluster, lease, nowMs } = facts.snap
  const isRaced = leaderKeyIsGone(cluster) && lease.membersUntilMs <= nowMs
  return unanswered(facts) && !isRaced && hasTimeLeft(facts)
}

/** The renewal got no answer, and there is no time for another. */
export function unansweredAndEnding(facts: Facts): boolean {
  return unanswered(facts) && !unansweredButAlive(facts)
}

/** Etcd left a request about the lease unanswered in this beat. */
export function unanswered(facts: Facts): boolean {
  return whyUnanswered(facts) !== null
}

const ASKS_THE_STORE: readonly ActionKind[] = [
  'keep-lease',
  'renew-lease',
  'adopt-lease',
  'acquire-lease',
  'take-leader',
]

/** In the words of the store: etcd may have been silent, or have answered that it serves nobody. */
function whyUnanswered({ snap }: Facts): string | null {
  for (const action of ASKS_THE_STORE) {
    const outcome = outcomeOf(snap, action)
    if (outcome?.kind === 'unreachable') return outcome.why
  }
  return null
}

/** The holder of the key, when etcd itself refused this node in this beat; null: it did not. */
export function refusedBy(facts: Facts): string | null {
  const outcome =
    outcomeOf(facts.snap, 'acquire-lease') ??
    outcomeOf(facts.snap, 'renew-lease') ??
    outcomeOf(facts.snap, 'adopt-lease')
  if (outcome?.kind !== 'refused') return null
  return outcome.holder ?? 'nobody'
}

/** Text for a decision's `reason`: how the lease was lost. */
export function lossOf(facts: Facts): string {
  const refused = refusedBy(facts)
  if (refused !== null) return `${storeName(facts.snap)} says that ${refused} has it`
  const why = whyUnanswered(facts)
  if (why !== null) return `${storeName(facts.snap)} has not confirmed it: ${why}`
  const { cluster, self } = facts.snap
  const leader = cluster.known ? (cluster.value.leader?.name ?? null) : null
  return leader === null || leader === self.name ? 'it ran out' : `${leader} has it`
}

export function holdOnReason(facts: Facts): string {
  const why = whyUnanswered(facts)
  if (why !== null && !mayLead(facts.snap))
    return `${storeName(facts.snap)} has not given the leader key (${why}); asking again`
  const margin = demoteMarginMs(termOf(facts.snap.lease, facts.snap.settings))
  const { leaderUntilMs, membersUntilMs } = facts.snap.lease
  const proof = membersUntilMs > leaderUntilMs ? 'leadership by the promises of all members' : 'it'
  const lease =
    why === null ? 'the lease' : `${storeName(facts.snap)} has not confirmed the lease (${why}); ${proof}`
  return `${lease} lasts ${leaseLeft(facts)} more, giving up below ${seconds(margin)}`
}

export function holdOnMs(facts: Facts): number {
  return holdOnAfterMs(facts.snap.lease, facts.snap.settings, facts.snap.nowMs)
}
