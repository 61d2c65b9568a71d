// The cluster in etcd cannot be seen. A healthy primary stays while its lease provably lives (promise 3) and stops before the
// lease ends (promise 1); all other nodes do nothing.

import { wordsOf } from '../../model/store-words.ts'
import { retryAfterMs } from '../../model/timing.ts'
import {
  type Facts,
  mayLead,
  promotingWithoutLease,
  runsAsPrimary,
  seconds,
  storeName,
  tried,
} from '../facts.ts'
import {
  askMembers,
  byMembers,
  goesOnByMembers,
  proofOf,
  refusals,
  withoutMembers,
} from '../lead/failsafe.ts'
import {
  cannotShorten,
  hasTimeLeft,
  holdOnMs,
  leaseLeft,
  renewal,
  triedToProveLease,
} from '../lead/lease-rules.ts'
import { armAgain, demoteUnfenced, mustBeFenced, rearmFencer } from '../lead/rearm.ts'
import { mayStopOrphans, stopOrphans } from '../rejoin/former-life.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { blindWatchdog, closeWatchdog } from './parts/watchdog.ts'

export interface BlindFacts extends Facts {
  /** Why the cluster cannot be seen. */
  readonly whyBlind: string
}

export const blindRules: readonly Rule<BlindFacts>[] = [
  rearmFencer('blind'),
  closeWatchdog('blind'),
  askMembers('blind'),
  rule({
    id: 'blind.read-cluster',
    why: 'the watch is only a hint: its silence proves nothing until a read has failed too',
    match: f => !tried(f.snap, 'read-cluster') && !renewsLast(f),
    choose: f => ({
      reason: `the watch shows nothing (${f.whyBlind}); asking ${storeName(f.snap)} directly`,
      actions: [{ kind: 'read-cluster' }],
    }),
  }),
  rule({
    id: 'blind.paused',
    why: 'in maintenance mode PostgreSQL goes on without etcd',
    level: 'warning',
    match: f => f.snap.settings.paused,
    choose: f => ({
      reason: `PAUSE: ${storeName(f.snap)} is not reachable (${f.whyBlind}); changing nothing${stillArmed(f)}`,
      wakeInMs: retryAfterMs(f.snap.settings),
    }),
  }),
  rule({
    id: 'blind.renew-lease',
    why: 'a member of etcd that cannot serve reads may still renew a lease',
    match: f => mayLead(f.snap) && runsAsPrimary(f) && !triedToProveLease(f) && !cannotShorten(f),
    choose: f => ({
      reason: `the cluster cannot be read (${f.whyBlind}); trying to renew the lease all the same`,
      actions: renewal(f, null),
    }),
  }),
  demoteUnfenced('blind'),
  armAgain('blind', f => mustBeFenced(f, 'blind') && hasTimeLeft(f)),
  ...blindWatchdog,
  rule({
    id: 'blind.led-by-members',
    why: 'in failsafe mode a healthy primary goes on without the store while every other member promises not to lead',
    level: 'warning',
    match: f => goesOnByMembers(f) && refusals(f).length === 0,
    choose: f => ({
      reason: `${byMembers(f)}: ${storeName(f.snap)} is not reachable (${f.whyBlind}); their promises last ${leaseLeft(f)} more`,
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'blind.hold-lease',
    why: 'trouble in etcd is no reason to demote while the lease still has time',
    level: 'warning',
    match: f => runsAsPrimary(f) && hasTimeLeft(f),
    choose: f => ({
      reason: `${storeName(f.snap)} is not reachable (${f.whyBlind}); ${proofOf(f.snap)} lasts ${leaseLeft(f)} more${withoutMembers(f)}`,
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'blind.wait-first-sight',
    why: 'a restarted agent has not seen etcd yet; the fencer of its earlier run still holds the deadline',
    level: 'warning',
    match: f => runsAsPrimary(f) && !f.memory.sawCluster && isFirstSight(f),
    choose: f => ({
      reason: `${storeName(f.snap)} has not answered since this agent started ${seconds(f.snap.nowMs - f.snap.startedAtMs)} ago (${f.whyBlind})`,
      wakeInMs: retryAfterMs(f.snap.settings),
    }),
  }),
  rule({
    id: 'blind.demote',
    why: 'a primary that cannot prove its lease stops before another node can be elected',
    level: 'error',
    match: f => runsAsPrimary(f) || promotingWithoutLease(f),
    choose: f => ({
      reason: `${storeName(f.snap)} is not reachable (${f.whyBlind}) and ${proofOf(f.snap)} has ${leaseLeft(f)} left; stopping PostgreSQL${withoutMembers(f)}`,
      ...stopToFollow(f, 'fast'),
    }),
  }),
  rule({
    id: 'blind.stop-orphans',
    why: 'a server outside its data directory has no future, and nothing renews its lease: it stops, unless maintenance mode may be on and has not been seen yet',
    level: 'error',
    match: f => mayStopOrphans(f) && (f.memory.sawCluster || !isFirstSight(f)),
    choose: stopOrphans,
  }),
  rule({
    id: 'blind.wait',
    why: 'without etcd a node that is not primary changes nothing',
    level: 'warning',
    match: () => true,
    choose: f => ({
      reason: `${storeName(f.snap)} is not reachable: ${f.whyBlind}${hint(f)}`,
      wakeInMs: retryAfterMs(f.snap.settings),
    }),
  }),
]

/** An agent that has just started gives etcd this long to answer. */
function isFirstSight({ snap }: Facts): boolean {
  return snap.nowMs - snap.startedAtMs < snap.settings.retryTimeoutMs
}

/** There is time for only one more request before the agent gives up: the renewal. In maintenance mode it never gives up. */
function renewsLast(f: Facts): boolean {
  return !f.snap.settings.paused && runsAsPrimary(f) && mayLead(f.snap) && !hasTimeLeft(f)
}

/** The same hint that a command would print. */
function hint(f: BlindFacts): string {
  const text = wordsOf(f.snap.self.store).hint(f.whyBlind, f.snap.self.keyPrefix)
  return text === null ? '' : `. HINT: ${text}`
}

/** The note that nothing guards this primary did not reach etcd, so the fencer stays armed in maintenance mode. */
function stillArmed(f: Facts): string {
  const isArmed = f.snap.fencer.armedUntilMs !== null
  return isArmed && runsAsPrimary(f)
    ? `; the fencer stays armed and stops PostgreSQL when the lease ends: ${storeName(f.snap)} has not taken the note that it need not`
    : ''
}
