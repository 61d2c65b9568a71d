// Maintenance mode: the operator is at work. A primary keeps its lease; nothing is started, stopped, promoted or
// cloned (the part of spec/ha.md 3.16 that keeps hactl harmless; the rest comes with its own issue).

import { otherMembers, rivalPrimary, spokeBeforeLeaderMoved } from '../election.ts'
import { type ClusterFacts, control, holdsLease, runsAsPrimary, tried } from '../facts.ts'
import { describeOrphans, formerMayWrite, keepsKey, orphans } from '../former.ts'
import { acquireLease, holdOnMs, proofRules } from '../lease.ts'
import type { Rule } from '../rule.ts'
import { reinitRules } from './reinitialize.ts'
import { isUnreadable, refuse, refuseUnreadable } from './requests.ts'
import { pausedRestarts } from './restart.ts'

export const pausedRules: readonly Rule<ClusterFacts>[] = [
  {
    id: 'paused.disarm-fencer',
    why: 'in maintenance mode a primary goes on even without a lease, so nothing may stop it',
    when: f =>
      (f.snap.fencer.armedUntilMs !== null || (f.snap.fencer.formerMayAct && !formerMayWrite(f))) &&
      !tried(f.snap, 'disarm-fencer'),
    choose: () => ({
      reason: 'maintenance mode: disarming the fencer',
      actions: [{ kind: 'disarm-fencer' }],
    }),
  },
  {
    id: 'paused.release-lease',
    why: 'a leader key without a primary behind it misleads everybody',
    level: 'warning',
    when: f => keepsKey(f) && !runsAsPrimary(f) && !formerMayWrite(f) && !tried(f.snap, 'release-lease'),
    choose: () => ({
      reason: 'removed leader lock because postgres is not running as primary',
      actions: [{ kind: 'release-lease', status: null }],
      next: 'settled',
    }),
  },
  ...proofRules('paused').map(rule => ({
    ...rule,
    when: (f: ClusterFacts) => (runsAsPrimary(f) || orphans(f).length > 0) && rule.when(f),
    // Without a fencer: see paused.disarm-fencer.
    choose: (f: ClusterFacts) => {
      const choice = rule.choose(f)
      return { ...choice, actions: (choice.actions ?? []).filter(action => action.kind !== 'arm-fencer') }
    },
  })),
  ...reinitRules('paused'),
  ...pausedRestarts,
  {
    id: 'paused.request-unreadable',
    why: 'a request is honoured whole or not at all: without the part that nobody understands it would be another one',
    level: 'warning',
    when: f => holdsLease(f.snap) && isUnreadable(f),
    choose: refuseUnreadable,
  },
  {
    id: 'paused.request-refused',
    why: 'nothing is stopped or promoted in maintenance mode: kept, the request would be carried out when nobody expects it, the moment that mode ends',
    level: 'warning',
    when: f => holdsLease(f.snap) && hasRequestForNow(f),
    choose: f => refuse(f, 'maintenance mode is on, in which this version of hactl does not hand over'),
  },
  {
    id: 'paused.ask-peers',
    why: 'an operator who promotes by hand makes two primaries for a while: the lease is for the newer one',
    when: f => mayAcquire(f) && f.snap.peers === null && otherMembers(f).length > 0,
    choose: f => ({
      reason: 'maintenance mode: nobody holds the lease; asking who else runs as primary',
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  },
  {
    id: 'paused.acquire-lease',
    why: 'a running primary of this cluster takes the free lease; standbys never do in maintenance mode',
    when: f => mayAcquire(f) && rivalPrimary(f) === null && !spokeBeforeLeaderMoved(f),
    choose: f => ({
      reason: 'maintenance mode: the running primary takes the free lease',
      actions: [acquireLease(f)],
    }),
  },
  {
    id: 'paused.orphan',
    why: 'in maintenance mode nothing is stopped; a server outside its data directory keeps the leader key as long as it has it',
    level: 'warning',
    when: f => orphans(f).length > 0,
    choose: f => ({
      reason: `PAUSE: no action, though ${describeOrphans(f)} runs; it is stopped when the pause ends`,
      wakeInMs: holdOnMs(f),
    }),
  },
  {
    id: 'paused.hands-off',
    why: 'the operator is at work',
    log: 'rest',
    when: () => true,
    choose: f => ({
      reason: holdsLease(f.snap)
        ? `PAUSE: no action. I am (${f.snap.self.name}), the leader with the lock`
        : `PAUSE: no action. I am (${f.snap.self.name})`,
      wakeInMs: holdsLease(f.snap) ? f.snap.settings.loopWaitMs : Math.max(holdOnMs(f), 1000),
    }),
  },
]

/** One that is scheduled waits, as with Patroni; it goes stale if its time passes meanwhile. */
function hasRequestForNow({ view, snap }: ClusterFacts): boolean {
  const request = view.failover?.value ?? null
  return request !== null && request.scheduledAt === null && !tried(snap, 'clear-failover')
}

function mayAcquire(facts: ClusterFacts): boolean {
  return (
    facts.view.leader === null && runsAsPrimary(facts) && isOurs(facts) && !tried(facts.snap, 'acquire-lease')
  )
}

function isOurs({ view, snap }: ClusterFacts): boolean {
  const initialize = view.initialize?.value ?? ''
  return initialize === '' || initialize === control(snap.postgres)?.systemIdentifier
}
