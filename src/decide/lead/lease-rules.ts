// The rules of the lease that every situation of a leader shares: take over the key that an earlier run of this
// agent left, renew in time, and tell "refused" from "nobody answered". Ids carry the situation's name.

import { type ClusterStatus, leaderKeyIsGone } from '../../model/cluster/cluster.ts'
import type { Action, ActionKind } from '../../model/decision/action.ts'
import { isUnguarded } from '../../model/decision/work.ts'
import {
  demoteMarginMs,
  fenceMarginMs,
  holdOnAfterMs,
  isRetimed,
  isShortened,
  leadershipLeftMs,
  renewalDueAtMs,
  termOf,
} from '../../model/timing.ts'
import {
  type Facts,
  holdsLease,
  isRunning,
  mayWrite,
  namedLeader,
  outcomeOf,
  runsAsPrimary,
  seconds,
  tried,
} from '../facts.ts'
import { formerMayWrite, isOtherData } from '../rejoin/former-life.ts'
import { type Rule, rule } from '../rule.ts'
import { buildStatus } from '../upkeep/status-key.ts'
import { askGuarded, isFenced } from './fencing.ts'
import { isGuarded } from './maintenance.ts'
import { nameHolder } from './name-holder.ts'

/** Keeps the fencer's deadline before the end of the lease whenever the server may accept writes, unless maintenance lets it go on. */
function guardActions(facts: Facts): readonly Action[] {
  if (!mayWrite(facts) || !isGuarded(facts)) return []
  return [{ kind: 'arm-fencer', marginMs: fenceMarginMs(facts.snap.settings) }]
}

/**
 * A renewal and what goes with it. One that moves the leader key to a shorter lease comes after the fencer was told: the
 * agent may freeze, or the answer be lost, before it can tell it of the new end.
 */
export function renewal(facts: Facts, status: ClusterStatus | null): readonly Action[] {
  const { lease, settings } = facts.snap
  const shortens = isShortened(lease, settings) && holdsLease(facts.snap) && guardActions(facts).length > 0
  const ahead: readonly Action[] = shortens
    ? [{ kind: 'arm-fencer', marginMs: fenceMarginMs(settings), withinMs: settings.ttlMs }]
    : []
  return [...ahead, { kind: 'renew-lease', status }, ...guardActions(facts)]
}

/** The fencer could not be told of a shorter lease: the leader key stays on the longer one for now. */
export function cannotShorten({ snap }: Facts): boolean {
  const armed = outcomeOf(snap, 'arm-fencer')
  return isShortened(snap.lease, snap.settings) && armed !== null && armed.kind !== 'done'
}

const ENDS_DOUBT: readonly ActionKind[] = ['renew-lease', 'acquire-lease', 'take-leader', 'release-lease']

/** Proved, refused, unanswered or given up in this beat; that a former run's lease is gone proves nothing yet. */
export function triedToProveLease({ snap }: Facts): boolean {
  const adopted = outcomeOf(snap, 'adopt-lease')
  const formerIsGone = adopted?.kind === 'refused' && adopted.holder === null
  if (adopted !== null && !formerIsGone) return true
  return ENDS_DOUBT.some(action => tried(snap, action))
}

/**
 * Etcd has just said that nobody has the leader key, and our lease, on which it was proved to hang, has lived without a
 * gap and nobody else took the key since: somebody deleted it. Otherwise anybody may have led meanwhile: that is a race.
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

/** Somebody else took the leader key since this node did. Unknown counts as yes: who led last is in etcd only. */
export function ledMeanwhile({ snap }: Facts): boolean {
  if (!snap.cluster.known) return true
  const last = snap.cluster.value.lastLeader
  return last !== null && last.value !== snap.self.name
}

/** Lost to whoever has led since this decision looked, even if nobody holds the key any more. */
export function acquireLease(facts: Facts): Action {
  const { cluster } = facts.snap
  const last = cluster.known ? cluster.value.lastLeader : null
  const ask: Action = { kind: 'acquire-lease', ifRevision: last?.modRevision ?? null }
  return mayGoUnguarded(facts) ? { ...ask, unguarded: true } : ask
}

/** In maintenance mode, or restarted in it: whether its fencer is armed at this moment, the note need not be right about. */
function mayGoUnguarded(facts: Facts): boolean {
  const { settings, work } = facts.snap
  if (work !== null && (settings.paused || isUnguarded(work.job))) return true
  return settings.paused && (runsAsPrimary(facts) || formerMayWrite(facts))
}

/** A primary that nothing guards, or only until later than the lease asked for can end, gets its fencer first. */
export function askForLease(facts: Facts): readonly Action[] {
  const ask = acquireLease(facts)
  const { nowMs, settings, fencer } = facts.snap
  const lasts = isFenced(facts) && (fencer.armedUntilMs ?? 0) <= nowMs + settings.ttlMs
  return runsAsPrimary(facts) && !lasts ? askGuarded(facts, ask) : [ask]
}

/**
 * Somebody else's name stands on the leader key. What the watch or a read tells is never older than our own last proof, so
 * that this is a fact, whatever the arithmetic of the lease says: somebody revoked it, or etcd lost it.
 */
export function overtakenBy({ snap }: Facts): string | null {
  const leader = snap.cluster.known ? snap.cluster.value.leader : null
  return leader === null || leader.name === snap.self.name ? null : leader.name
}

/** For a reason. */
function newTtl({ snap }: Facts): string {
  const { lease, settings } = snap
  if (!isRetimed(lease, settings)) return ''
  return `: it was made for ${seconds(lease.ttlMs)}, and ttl is ${seconds(settings.ttlMs)} now`
}

/**
 * The key of a former life is gone on with only by the server that had it, when nothing else of that life may write. In
 * maintenance mode nothing is stopped, so the key stays with a server that is known to run, wherever it works. While another
 * node has our name, the key is not known to be of our life.
 */
function mayTakeOver(facts: Facts): boolean {
  const { snap } = facts
  if (nameHolder(facts) !== null || (isOtherData(facts) && runsAsPrimary(facts))) return false
  return !formerMayWrite(facts) || (snap.settings.paused && snap.postgres.former.orphans.known)
}

function mustRenew(facts: Facts): boolean {
  const { snap } = facts
  if (triedToProveLease(facts) || cannotShorten(facts)) return false
  // A lease that only a former server could use is left to expire.
  if (!(holdsLease(snap) && isRunning(snap)) && !mayTakeOver(facts)) return false
  if (!holdsLease(snap)) return namedLeader(facts)
  const someoneElse = snap.cluster.known && !namedLeader(facts)
  return someoneElse || snap.nowMs >= renewalDueAtMs(snap.lease, snap.settings)
}

/** Proof of leadership before anything is done with it. */
export function proofRules(situation: string): readonly Rule<Facts>[] {
  return [adoptLease(situation), renewLease(situation), reacquireLease(situation)]
}

function adoptLease(situation: string): Rule<Facts> {
  return rule({
    id: `${situation}.adopt-lease`,
    why: 'a restarted agent goes on with the lease its own leader key already hangs on, so that no write is refused',
    match: f => {
      const key = f.snap.cluster.known ? f.snap.cluster.value.leader : null
      return (
        !holdsLease(f.snap) &&
        key !== null &&
        key.name === f.snap.self.name &&
        key.leaseId !== f.snap.lease.leaseId &&
        key.leaseId !== f.memory.abandonedLease &&
        !triedToProveLease(f) &&
        mayTakeOver(f) &&
        key
      )
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
    why: 'the leader key vanished while our lease lives: take it back before anybody else does',
    level: 'warning',
    match: keyVanished,
    choose: f => ({
      reason: 'the leader key is gone though our lease is alive; creating it again',
      actions: askForLease(f),
    }),
  })
}

/** For a reason: how long this node may still lead. */
export function leaseLeft({ snap }: Facts): string {
  return seconds(Math.max(0, leadershipLeftMs(snap.lease, snap.nowMs)))
}

/** Enough of the lease is left to ask once more before giving up; the fencer needs the rest (promise 1). */
export function hasTimeLeft({ snap }: Facts): boolean {
  return leadershipLeftMs(snap.lease, snap.nowMs) > demoteMarginMs(termOf(snap.lease, snap.settings))
}

/** The renewal got no answer. There is time, and the key is not known to be gone: hold on and try again soon (promise 3). */
export function unansweredButAlive(facts: Facts): boolean {
  return unanswered(facts) && !leaderKeyIsGone(facts.snap.cluster) && hasTimeLeft(facts)
}

/** The renewal got no answer and there is no time left for another. */
export function unansweredAndEnding(facts: Facts): boolean {
  return unanswered(facts) && !unansweredButAlive(facts)
}

/** Whether the lease is still ours was asked in this beat, and etcd did not answer. */
export function unanswered(facts: Facts): boolean {
  return whyUnanswered(facts) !== null
}

const ASKS_ETCD: readonly ActionKind[] = [
  'keep-lease',
  'renew-lease',
  'adopt-lease',
  'acquire-lease',
  'take-leader',
]

/** In the words of the store: etcd may have been silent, or have answered that it serves nobody. */
function whyUnanswered({ snap }: Facts): string | null {
  for (const action of ASKS_ETCD) {
    const outcome = outcomeOf(snap, action)
    if (outcome?.kind === 'unreachable') return outcome.why
  }
  return null
}

/** Somebody else holds the key: said by etcd itself, in this beat. */
export function refusedBy(facts: Facts): string | null {
  const outcome =
    outcomeOf(facts.snap, 'acquire-lease') ??
    outcomeOf(facts.snap, 'renew-lease') ??
    outcomeOf(facts.snap, 'adopt-lease')
  if (outcome?.kind !== 'refused') return null
  return outcome.holder ?? 'nobody'
}

/** How the lease was lost, for a reason. */
export function lossOf(facts: Facts): string {
  const refused = refusedBy(facts)
  if (refused !== null) return `etcd says that ${refused} has it`
  const why = whyUnanswered(facts)
  if (why !== null) return `etcd has not confirmed it: ${why}`
  const { cluster, self } = facts.snap
  const leader = cluster.known ? (cluster.value.leader?.name ?? null) : null
  return leader === null || leader === self.name ? 'it ran out' : `${leader} has it`
}

export function holdOnReason(facts: Facts): string {
  const why = whyUnanswered(facts)
  if (why !== null && !holdsLease(facts.snap))
    return `etcd has not given the leader key (${why}); asking again`
  const margin = demoteMarginMs(termOf(facts.snap.lease, facts.snap.settings))
  const lease = why === null ? 'the lease' : `etcd has not confirmed the lease (${why}); it`
  return `${lease} lasts ${leaseLeft(facts)} more, giving up below ${seconds(margin)}`
}

export function holdOnMs(facts: Facts): number {
  return holdOnAfterMs(facts.snap.lease, facts.snap.settings, facts.snap.nowMs)
}
