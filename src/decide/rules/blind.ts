// Etcd cannot be seen. A healthy primary stays as long as its lease provably lives (promise 3) and stops before it
// ends (promise 1); everybody else does nothing.

import { etcdHint } from '../../model/command/etcd-hint.ts'
import { retryAfterMs } from '../../model/timing.ts'
import { type Facts, holdsLease, promotingWithoutLease, runsAsPrimary, seconds, tried } from '../facts.ts'
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

export interface BlindFacts extends Facts {
  /** Why the cluster cannot be seen. */
  readonly whyBlind: string
}

export const blindRules: readonly Rule<BlindFacts>[] = [
  rearmFencer('blind'),
  rule({
    id: 'blind.read-cluster',
    why: 'the watch is a hint: its silence says nothing until a read has failed too',
    match: f => !tried(f.snap, 'read-cluster') && !renewsLast(f),
    choose: ({ whyBlind }) => ({
      reason: `the watch tells nothing (${whyBlind}); asking etcd directly`,
      actions: [{ kind: 'read-cluster' }],
    }),
  }),
  rule({
    id: 'blind.paused',
    why: 'in maintenance mode PostgreSQL goes on whatever becomes of etcd',
    level: 'warning',
    match: f => f.snap.settings.paused,
    choose: f => ({
      reason: `PAUSE: etcd is not reachable (${f.whyBlind}); changing nothing${stillArmed(f)}`,
      wakeInMs: retryAfterMs(f.snap.settings),
    }),
  }),
  rule({
    id: 'blind.renew-lease',
    why: 'a member of etcd that cannot serve reads may still renew a lease',
    match: f => holdsLease(f.snap) && runsAsPrimary(f) && !triedToProveLease(f) && !cannotShorten(f),
    choose: f => ({
      reason: `the cluster cannot be read (${f.whyBlind}); trying to renew the lease all the same`,
      actions: renewal(f, null),
    }),
  }),
  demoteUnfenced('blind'),
  armAgain('blind', f => mustBeFenced(f, 'blind') && hasTimeLeft(f)),
  rule({
    id: 'blind.hold-lease',
    why: 'trouble in etcd is no reason to demote while the lease still has time',
    level: 'warning',
    match: f => runsAsPrimary(f) && hasTimeLeft(f),
    choose: f => ({
      reason: `etcd is not reachable (${f.whyBlind}); the lease lasts ${leaseLeft(f)} more`,
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'blind.wait-first-sight',
    why: 'a restarted agent has not seen etcd yet; the fencer of its former run still keeps the deadline',
    level: 'warning',
    match: f => runsAsPrimary(f) && !f.memory.sawCluster && isFirstSight(f),
    choose: f => ({
      reason: `etcd has not answered since this agent started ${seconds(f.snap.nowMs - f.snap.startedAtMs)} ago (${f.whyBlind})`,
      wakeInMs: retryAfterMs(f.snap.settings),
    }),
  }),
  rule({
    id: 'blind.demote',
    why: 'a primary that cannot prove its lease stops before somebody else can be elected',
    level: 'error',
    match: f => runsAsPrimary(f) || promotingWithoutLease(f),
    choose: f => ({
      reason: `etcd is not reachable (${f.whyBlind}) and the lease has ${leaseLeft(f)} left; stopping PostgreSQL`,
      ...stopToFollow(f, 'fast'),
    }),
  }),
  rule({
    id: 'blind.stop-orphans',
    why: 'a server outside its data directory has no future, and nobody would renew its lease: it stops, unless maintenance may be on and was not seen yet',
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
      reason: `etcd is not reachable: ${f.whyBlind}${hint(f)}`,
      wakeInMs: retryAfterMs(f.snap.settings),
    }),
  }),
]

/** Etcd gets this long to show itself to an agent that has just started. */
function isFirstSight({ snap }: Facts): boolean {
  return snap.nowMs - snap.startedAtMs < snap.settings.retryTimeoutMs
}

/** There is time for one more request before the agent gives up: the renewal. Maintenance mode never gives up. */
function renewsLast(f: Facts): boolean {
  return !f.snap.settings.paused && runsAsPrimary(f) && holdsLease(f.snap) && !hasTimeLeft(f)
}

/** As a command would say it. */
function hint(f: BlindFacts): string {
  const text = etcdHint(f.whyBlind, f.snap.self.keyPrefix)
  return text === null ? '' : `. HINT: ${text}`
}

/** What it was told when this mode began did not reach etcd. */
function stillArmed(f: Facts): string {
  const isArmed = f.snap.fencer.armedUntilMs !== null
  return isArmed && runsAsPrimary(f)
    ? '; the fencer stays armed and stops PostgreSQL when the lease ends: etcd has not taken the note that it need not'
    : ''
}
