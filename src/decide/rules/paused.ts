// Maintenance mode: the operator is at work. A primary keeps its lease, and goes on without one. Nothing is started, stopped,
// promoted or cloned except in a handover to a named member (spec/ha.md 3.16; lead/maintenance.ts says which nodes take part).

import { answersPredateLeaderChange, otherMembers, rivalPrimary } from '../election/election.ts'
import {
  type ClusterFacts,
  control,
  differing,
  type Facts,
  failedLately,
  holdsLease,
  isForeign,
  isOverwritten,
  isRunning,
  mayLead,
  outcomeOf,
  runsAsPrimary,
  server,
  storeName,
  tried,
  wantedUpstream,
} from '../facts.ts'
import { canNoteUnguarded, mayDisarm, noteUnguarded } from '../lead/guard-note.ts'
import { acquireLease, holdOnMs, proofRules, refusedBy } from '../lead/lease-rules.ts'
import { isGuarded, mayBeSucceeded } from '../lead/maintenance.ts'
import { describeOrphans, formerMayWrite, keepsKey, orphans } from '../rejoin/former-life.ts'
import { comparable, compare, hasLeader } from '../rejoin/rejoin.ts'
import { releaseUnpromoted } from '../rejoin/stopping-postgres.ts'
import { type Choice, type Rule, rule, ruleThen, ruleWhere } from '../rule.ts'
import { pausedRequestRules } from './parts/paused-requests.ts'
import { reinitRules } from './parts/reinitialize.ts'
import { pausedRestarts } from './parts/restarting.ts'
import { syncRules, syncWaitRules } from './parts/synchronous.ts'
import { closeWatchdog } from './parts/watchdog.ts'

const FOLLOW_AGAIN_MS = 5000
const LOOK_AGAIN_MS = 1000

export const pausedRules: readonly Rule<ClusterFacts>[] = [
  closeWatchdog('paused'),
  rule({
    id: 'paused.note-unguarded',
    why: 'a node that wants to lead after this one must know, even if this one does not answer, that nothing stops its server when its lease ends',
    match: f => canNoteUnguarded(f) && !mayBeSucceeded(f),
    choose: f => ({
      reason: `maintenance mode: noting in ${storeName(f.snap)} that nothing guards this primary`,
      actions: noteUnguarded(f),
      next: 'again',
    }),
  }),
  rule({
    id: 'paused.disarm-fencer',
    why: 'in maintenance mode a primary goes on even without a lease, so nothing may stop it once etcd has the note about that',
    match: f => mayAct(f) && mayDisarm(f) && !mayBeSucceeded(f) && !tried(f.snap, 'disarm-fencer'),
    choose: () => ({
      reason: 'maintenance mode: disarming the fencer',
      actions: [{ kind: 'disarm-fencer' }],
    }),
  }),
  rule({
    id: 'paused.release-lease',
    why: 'a leader key without a primary misleads clients and members',
    level: 'warning',
    match: f => keepsKey(f) && !runsAsPrimary(f) && !formerMayWrite(f) && !tried(f.snap, 'release-lease'),
    choose: f => ({
      reason: 'removed leader lock because postgres is not running as primary',
      // A requested promotion may still come about.
      ...releaseUnpromoted(f),
      next: 'settled',
    }),
  }),
  rule({
    id: 'paused.foreign',
    why: "an operator may be about to replace this cluster's data, or to put the right data back, so the agent stays; a primary in a renamed directory may still be this cluster's, so its leader key is left to expire",
    level: 'warning',
    match: isOtherCluster,
    choose: f => ({
      reason: `system ID has changed while in paused mode: ${mismatch(f)}${keepsKey(f) ? '; the leader key is left to expire' : ''}. HINT: hactl will exit when the pause ends unless the data, or the initialize key, is put right`,
      wakeInMs: Math.max(holdOnMs(f), 1000),
    }),
  }),
  ...proofRules('paused').map(inner => ruleWhere(mayKeepKey, ruleThen(inner, withoutFencer))),
  ...pausedRequestRules,
  ...reinitRules('paused'),
  ...pausedRestarts,
  rule({
    id: 'paused.ask-peers',
    why: 'an operator who promotes by hand may have two primaries for a while: the lease is for the newer one',
    match: f => mayAcquire(f) && f.snap.peers === null && otherMembers(f).length > 0,
    choose: f => ({
      reason: 'maintenance mode: nobody holds the lease; asking who else runs as primary',
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  }),
  rule({
    id: 'paused.acquire-lease',
    why: 'a running primary of this cluster takes the free lease; a standby never does in maintenance mode',
    match: f => mayAcquire(f) && rivalPrimary(f) === null && !answersPredateLeaderChange(f),
    choose: f => ({
      reason: 'maintenance mode: the running primary takes the free lease',
      actions: [acquireLease(f)],
    }),
  }),
  rule({
    id: 'paused.orphan',
    why: 'in maintenance mode nothing is stopped: a server outside its data directory keeps the leader key that it has',
    level: 'warning',
    match: f => orphans(f).length > 0,
    choose: f => ({
      reason: `PAUSE: no action, though ${describeOrphans(f)} runs; it is stopped when the pause ends`,
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'paused.compare-timelines',
    why: "a running standby gets a new leader only after its data is known to be part of that leader's history",
    match: f => mustFollow(f) && comparable(f),
    choose: (_, leader) => compare(leader),
  }),
  rule({
    id: 'paused.follow',
    why: 'after a handover the other standbys stream from the new leader, which takes a reload and no restart',
    match: f =>
      mustFollow(f) && f.memory.rejoin === 'follow' && !failedLately(f, ['follow'], FOLLOW_AGAIN_MS),
    choose: f => ({
      reason: `maintenance mode: changing ${differing(f)} to follow ${wantedUpstream(f.view, f.snap)?.name ?? 'nobody'}`,
      actions: [{ kind: 'begin', job: { kind: 'follow', upstream: wantedUpstream(f.view, f.snap) } }],
      next: 'settled',
    }),
  }),
  ...syncRules('paused'),
  ...syncWaitRules('paused'),
  rule({
    id: 'paused.still-guarded',
    why: 'a server that other nodes believe to be guarded stays guarded: they may lead as soon as its lease has ended',
    level: 'warning',
    match: f => mayAct(f) && !mayDisarm(f) && !mayBeSucceeded(f),
    choose: f => ({
      reason: `PAUSE: ${localState(f)}; the fencer stays armed and stops PostgreSQL when the lease ends: ${whyNotNoted(f)}`,
      wakeInMs: Math.min(Math.max(holdOnMs(f), LOOK_AGAIN_MS), f.snap.settings.loopWaitMs),
    }),
  }),
  rule({
    id: 'paused.nothing',
    why: 'the operator is at work',
    log: 'rest',
    match: () => true,
    choose: f => ({
      reason: `PAUSE: ${localState(f)}`,
      wakeInMs: holdsLease(f.snap) ? f.snap.settings.loopWaitMs : Math.max(holdOnMs(f), 1000),
    }),
  }),
]

/** A fencer may act, and not on a former server that it has to stop. */
function mayAct(facts: ClusterFacts): boolean {
  const { armedUntilMs, formerMayAct } = facts.snap.fencer
  return armedUntilMs !== null || (formerMayAct && !formerMayWrite(facts))
}

function whyNotNoted({ snap }: ClusterFacts): string {
  const outcome = outcomeOf(snap, 'note-unguarded')
  if (outcome !== null && 'why' in outcome)
    return `${storeName(snap)} has not taken the note that it need not (${outcome.why})`
  return `only a leader can note in ${storeName(snap)} that it need not, and this node does not hold the lease`
}

function mayKeepKey(facts: Facts): boolean {
  return runsAsPrimary(facts) || orphans(facts).length > 0
}

/** A renewal does not arm the fencer of an unguarded primary: see paused.disarm-fencer. */
function withoutFencer(choice: Choice, facts: Facts): Choice {
  if (isGuarded(facts) || choice.actions === undefined) return choice
  return { ...choice, actions: choice.actions.filter(action => action.kind !== 'arm-fencer') }
}

/** Text for a decision's `reason`: the state of this node, in Patroni's words. */
function localState(facts: ClusterFacts): string {
  const { postgres, self } = facts.snap
  const { dataDirectory } = postgres
  if (isRunning(facts.snap)) {
    if (mayLead(facts.snap)) return `no action. I am (${self.name}), the leader with the lock`
    if (!runsAsPrimary(facts)) return `no action. I am (${self.name})`
    const lost = refusedBy(facts)
    const why = lost === null ? '' : `, which ${lost} has`
    return `continue to run as primary without lock${why}. I am (${self.name})`
  }
  if (dataDirectory.kind === 'empty') return 'running with empty data directory'
  if (dataDirectory.kind === 'inaccessible') return `data directory is not accessible: ${dataDirectory.why}`
  return 'postgres is not running'
}

function isOtherCluster(facts: ClusterFacts): boolean {
  return isForeign(facts) && !isOverwritten(facts)
}

function mismatch({ view, snap }: ClusterFacts): string {
  return `${view.initialize?.value} in ${storeName(snap)} != ${control(snap.postgres)?.systemIdentifier} here`
}

/** A running standby whose settings name another upstream. Without a leader it keeps its settings (8.E28). */
function mustFollow(facts: ClusterFacts): boolean {
  const { recovery } = facts.snap
  return (
    server(facts.snap)?.inRecovery === true &&
    hasLeader(facts) &&
    wantedUpstream(facts.view, facts.snap) !== null &&
    recovery.known &&
    recovery.value.change === 'reload' &&
    recovery.value.differing.includes('primary_conninfo')
  )
}

function mayAcquire(facts: ClusterFacts): boolean {
  return (
    facts.view.leader === null && runsAsPrimary(facts) && isOurs(facts) && !tried(facts.snap, 'acquire-lease')
  )
}

function isOurs({ view, snap }: ClusterFacts): boolean {
  const { initialize } = view
  if (initialize === null || initialize.value === '') return true
  return initialize.value === control(snap.postgres)?.systemIdentifier
}
