// A long piece of work is in progress. The lease is kept meanwhile, and work that only a leader may do ends with it.

import { isUnguarded, type Job, mayEndEarly, type Work } from '../../model/decision/work.ts'
import { type Facts, holdsLease, mayLead, namedLeader, runsAsPrimary, seconds } from '../facts.ts'
import { endlessStop, hungDisk, tellDisk } from '../failing-disk.ts'
import { askMembers } from '../lead/failsafe.ts'
import {
  holdOnMs,
  holdOnReason,
  lossOf,
  overtakenBy,
  proofRules,
  unansweredAndEnding,
  unansweredButAlive,
} from '../lead/lease-rules.ts'
import { type Choice, type Rule, rule } from '../rule.ts'
import { earlyHandoverRules } from './parts/handing-over.ts'
import { forcedReinit } from './parts/reinitialize.ts'

export const busyRules: readonly Rule<Facts>[] = [
  rule({
    id: 'busy.cancelling',
    why: 'cancelled work ends by itself; until then the agent looks after the lease only',
    match: f => !mayLead(f.snap) && f.snap.work?.cancelled === true && f.snap.work,
    choose: (_, { job }) => ({ reason: `waiting for the cancelled ${job.kind} to end`, wakeInMs: 1000 }),
  }),
  rule({
    id: 'busy.overtaken',
    why: "another node's name on the leader key is a fact: work that only a leader may do stops",
    level: 'error',
    match: f => {
      const job = runningJob(f)
      const by = mayLead(f.snap) ? overtakenBy(f) : null
      if (job === null || by === null) return null
      return (mayEndEarly(job, 'lease-lost') || mustStop(job, f)) && { job, by }
    },
    choose: (_, { job, by }) => ({
      reason: `${by} holds the leader key; cancelling ${job.kind}`,
      ...cancelWithLease,
    }),
  }),
  rule({
    id: 'busy.pause-ended',
    why: 'a primary that is restarting unguarded, because maintenance mode was on, must come up under a guard when that mode ends',
    level: 'warning',
    match: f => {
      const job = runningJob(f)
      return job !== null && isUnguarded(job) && !f.snap.settings.paused && job
    },
    choose: (_, job) => ({
      reason: `maintenance mode ended during the ${job.kind} of a primary that nothing guards; cancelling it`,
      actions: [{ kind: 'cancel-work', why: 'maintenance mode ended, and nothing guards this primary' }],
      next: 'settled',
    }),
  }),
  ...proofRules('busy'),
  askMembers('busy'),
  ...forcedReinit,
  rule({
    id: 'busy.lost-lease',
    why: 'work that only a leader may do stops the moment the lease is lost',
    level: 'warning',
    match: f => {
      const job = runningJob(f)
      if (job === null || !mayEndEarly(job, 'lease-lost')) return null
      return (!mayLead(f.snap) || unansweredAndEnding(f)) && job
    },
    choose: (f, job) => ({
      reason: `the lease is lost (${lossOf(f)}) during ${job.kind}; cancelling it`,
      ...cancelWithLease,
    }),
  }),
  rule({
    id: 'busy.lost-lease-as-primary',
    why: 'a primary that lost its lease during other work must stop before anything else, unless that work begins by stopping it',
    level: 'error',
    match: f => {
      const job = mayLead(f.snap) ? null : runningJob(f)
      return job !== null && mustStop(job, f) && job
    },
    choose: (f, job) => ({
      reason: `this node runs as primary without the lease (${lossOf(f)}); cancelling ${job.kind}`,
      actions: [{ kind: 'cancel-work', why: 'the lease is lost' }],
      next: 'settled',
    }),
  }),
  ...earlyHandoverRules,
  rule({
    id: 'busy.disk-hangs',
    why: 'on a disk that hangs no stop in good order and no promotion ends: the lease would be kept for nobody',
    level: 'warning',
    match: f => {
      const job = mayLead(f.snap) && !f.snap.settings.paused ? runningJob(f) : null
      if (job === null || !mayEndEarly(job, 'disk-hangs')) return null
      const disk = job.kind === 'promote' ? hungDisk(f) : endlessStop(f)
      return disk !== null && { job, disk }
    },
    choose: (_, { job, disk }) => ({
      reason: `${tellDisk(disk)}, and the ${job.kind} would wait for it; cancelling it`,
      actions: [{ kind: 'cancel-work', why: 'a disk hangs' }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'busy.hold-lease',
    why: 'no answer is not a refusal',
    level: 'warning',
    match: f => unansweredButAlive(f) && f.snap.work,
    choose: (f, { job }) => ({
      reason: `${job.kind} in progress; ${holdOnReason(f)}`,
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'busy.wait',
    why: 'one long piece of work at a time',
    match: f => f.snap.work,
    choose: (f, work) => ({
      reason: `${describe(work, f)}${namedLeader(f) && holdsLease(f.snap) ? ', keeping the lease' : ''}`,
    }),
  }),
]

const cancelWithLease: Pick<Choice, 'actions' | 'remember' | 'next'> = {
  actions: [{ kind: 'cancel-work', why: 'the lease is lost' }],
  remember: { rejoin: 'check', agreesWith: null },
  next: 'settled',
}

/** The job in progress, if it was not cancelled. */
function runningJob({ snap }: Facts): Job | null {
  return snap.work === null || snap.work.cancelled ? null : snap.work.job
}

/** In maintenance mode a primary, and work that an operator asked for, goes on without the lease. */
function mustStop(job: Job, facts: Facts): boolean {
  return runsAsPrimary(facts) && mustYield(job, facts) && !facts.snap.settings.paused
}

/** A stop of former servers goes on while etcd names this node: the lease is proved after they are gone. */
function mustYield(job: Job, facts: Facts): boolean {
  return mayEndEarly(job, 'primary-without-lease') && !(job.kind === 'stop-orphans' && namedLeader(facts))
}

function describe({ job, progress, startedAtMs }: Work, { snap }: Facts): string {
  const phase = progress === null ? '' : ` (${progress.phase})`
  return `${job.kind}${phase} in progress for ${seconds(Math.floor((snap.nowMs - startedAtMs) / 1000) * 1000)}`
}
