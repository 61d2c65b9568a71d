// A long piece of work is in progress. The lease is kept meanwhile, and work that only a leader may do ends with it.

import { isUnguarded, mayEndEarly } from '../../model/work.ts'
import { type Facts, holdsLease, namedLeader, runsAsPrimary, seconds } from '../facts.ts'
import {
  holdOnMs,
  holdOnReason,
  lossOf,
  overtakenBy,
  proofRules,
  unansweredAndEnding,
  unansweredButAlive,
} from '../lease.ts'
import type { Rule } from '../rule.ts'
import { earlyHandoverRules } from './handover.ts'
import { forcedReinit } from './reinitialize.ts'

export const busyRules: readonly Rule<Facts>[] = [
  {
    id: 'busy.cancelling',
    why: 'cancelled work ends by itself; until then only the lease is looked after',
    when: f => job(f).cancelled && !holdsLease(f.snap),
    choose: f => ({ reason: `waiting for the cancelled ${job(f).job.kind} to end`, wakeInMs: 1000 }),
  },
  {
    id: 'busy.overtaken',
    why: "somebody else's name on the leader key is a fact that needs no question: what only a leader may do stops",
    level: 'error',
    when: f =>
      holdsLease(f.snap) &&
      overtakenBy(f) !== null &&
      !job(f).cancelled &&
      (mayEndEarly(job(f).job, 'lease-lost') || mustStop(f)),
    choose: f => ({
      reason: `${overtakenBy(f)} holds the leader key; cancelling ${job(f).job.kind}`,
      actions: [{ kind: 'cancel-work', why: 'the lease is lost' }],
      remember: { rejoin: 'check', agreesWith: null },
      next: 'settled',
    }),
  },
  {
    id: 'busy.pause-ended',
    why: 'a primary that was restarted without a guard, because maintenance mode was on, comes up under one when that ends',
    level: 'warning',
    when: f => isUnguarded(job(f).job) && !f.snap.settings.paused && !job(f).cancelled,
    choose: f => ({
      reason: `maintenance mode ended during the ${job(f).job.kind} of a primary that nothing guards; cancelling it`,
      actions: [{ kind: 'cancel-work', why: 'maintenance mode ended, and nothing guards this primary' }],
      next: 'settled',
    }),
  },
  ...proofRules('busy'),
  ...forcedReinit,
  {
    id: 'busy.lost-lease',
    why: 'what only a leader may do stops the moment the lease is lost',
    level: 'warning',
    when: f =>
      mayEndEarly(job(f).job, 'lease-lost') &&
      !job(f).cancelled &&
      (!holdsLease(f.snap) || unansweredAndEnding(f)),
    choose: f => ({
      reason: `the lease is lost (${lossOf(f)}) during ${job(f).job.kind}; cancelling it`,
      actions: [{ kind: 'cancel-work', why: 'the lease is lost' }],
      remember: { rejoin: 'check', agreesWith: null },
      next: 'settled',
    }),
  },
  {
    id: 'busy.lost-lease-as-primary',
    why: 'a primary that lost its lease during other work must come down before anything else goes on, unless the work begins by stopping it',
    level: 'error',
    when: f => mustStop(f) && !job(f).cancelled && !holdsLease(f.snap),
    choose: f => ({
      reason: `this node runs as primary without the lease (${lossOf(f)}); cancelling ${job(f).job.kind}`,
      actions: [{ kind: 'cancel-work', why: 'the lease is lost' }],
      next: 'settled',
    }),
  },
  ...earlyHandoverRules,
  {
    id: 'busy.hold-lease',
    why: 'no answer is not a refusal',
    level: 'warning',
    when: unansweredButAlive,
    choose: f => ({ reason: `${job(f).job.kind} in progress; ${holdOnReason(f)}`, wakeInMs: holdOnMs(f) }),
  },
  {
    id: 'busy.wait',
    why: 'one long piece of work at a time',
    when: () => true,
    choose: f => ({
      reason: `${describe(f)}${namedLeader(f) && holdsLease(f.snap) ? ', keeping the lease' : ''}`,
    }),
  },
]

/** In maintenance mode a primary goes on without the lease, and what an operator asked for with it. */
function mustStop(facts: Facts): boolean {
  return runsAsPrimary(facts) && mustYield(facts) && !facts.snap.settings.paused
}

/** A stop of former servers goes on while etcd names this node: its lease is proved when they are out of the way. */
function mustYield(facts: Facts): boolean {
  const { job: what } = job(facts)
  return mayEndEarly(what, 'primary-without-lease') && !(what.kind === 'stop-orphans' && namedLeader(facts))
}

function job({ snap }: Facts): NonNullable<Facts['snap']['work']> {
  if (snap.work === null) throw new Error('busy without work')
  return snap.work
}

function describe(facts: Facts): string {
  const work = job(facts)
  const phase = work.progress === null ? '' : ` (${work.progress.phase})`
  return `${work.job.kind}${phase} in progress for ${seconds(Math.floor((facts.snap.nowMs - work.startedAtMs) / 1000) * 1000)}`
}
