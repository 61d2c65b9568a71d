// A restart that somebody asked for, now or at a time that has come. On the leader the lease is kept and the fencer stays
// armed: the same timeline goes on (spec/ha.md 3.15.1).

import type { Job, RestartJob } from '../../model/work.ts'
import { type ClusterFacts, holdsLease, isRunning, runsAsPrimary, seconds } from '../facts.ts'
import { heldMarginMs, isFenced } from '../fencing.ts'
import { hasTimeLeft } from '../lease.ts'
import { isNotedGuarded } from '../maintenance.ts'
import { orderOf, type WantedRestart, wantedRestart } from '../orders.ts'
import { provenUpstream } from '../rejoin.ts'
import type { Choice, Rule } from '../rule.ts'

/** A standby has nothing to lose by being killed after this. */
const STANDBY_START_MS = 60_000

export const leaderRestart: Rule<ClusterFacts> = {
  id: 'leader.restart',
  why: 'a checkpoint first, so that the stop is short; the lease is kept, and the fencer guards the new server before it accepts a write',
  log: 'event',
  when: f =>
    wantedRestart(f) !== null && isReadyPrimary(f) && holdsLease(f.snap) && hasTimeLeft(f) && isFenced(f),
  choose: f =>
    begin(f, [{ kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) }], { as: 'primary', upstream: null }),
}

export const followerRestart: Rule<ClusterFacts> = {
  id: 'follower.restart',
  why: 'asked for; it follows whom its data was compared with, and is compared anew when it is up',
  log: 'event',
  when: f => wantedRestart(f) !== null && isRunning(f.snap),
  choose: f => begin(f, [], { as: 'standby', upstream: provenUpstream(f) }),
}

export const startingRestart: Rule<ClusterFacts> = {
  ...followerRestart,
  id: 'starting.restart',
  why: 'asked for: a standby that takes long to come up may need a setting that only a restart changes',
  when: f => orderOf(f, 'restart') !== null && !holdsLease(f.snap) && !runsAsPrimary(f),
}

export const raceRestart: Rule<ClusterFacts> = {
  ...followerRestart,
  id: 'race.restart',
  why: 'asked for, and no election is under way: nobody has been able to lead for longer than a lease lasts',
  when: f => orderOf(f, 'restart') !== null && !runsAsPrimary(f),
}

export const pausedRestarts: readonly Rule<ClusterFacts>[] = [
  {
    id: 'paused.restart-primary',
    why: 'asked for by somebody who is at work: in maintenance mode a primary goes on with or without a lease, and is not guarded',
    log: 'event',
    // Whom etcd calls guarded is.
    when: f => orderOf(f, 'restart') !== null && isReadyPrimary(f) && (isFenced(f) || !isNotedGuarded(f)),
    choose: f => begin(f, [], { as: 'primary', upstream: null, unguarded: true }),
  },
  {
    id: 'paused.restart-standby',
    why: 'asked for by somebody who is at work',
    log: 'event',
    when: f => orderOf(f, 'restart') !== null && isRunning(f.snap) && !runsAsPrimary(f),
    choose: f => begin(f, [], { as: 'standby', upstream: provenUpstream(f) }),
  },
  {
    id: 'paused.start-standby',
    why: 'asked for by somebody who is at work: nothing else starts a server in maintenance mode',
    log: 'event',
    when: f => orderOf(f, 'restart') !== null && !isRunning(f.snap),
    choose: f => ({
      reason: `starting PostgreSQL as a standby, as ${orderOf(f, 'restart')?.by} asked`,
      actions: [
        {
          kind: 'begin',
          job: {
            ...{ kind: 'start', as: 'standby', upstream: provenUpstream(f), timeoutMs: STANDBY_START_MS },
            order: orderOf(f, 'restart')?.id ?? '',
          },
        },
      ],
      next: 'settled',
    }),
  },
]

/** A server that is down is started anyway: whoever asked for a restart waits for that start. */
export function answeringRestart(rule: Rule<ClusterFacts>): Rule<ClusterFacts> {
  return {
    ...rule,
    choose: facts => {
      const choice = rule.choose(facts)
      const order = orderOf(facts, 'restart')
      if (order === null) return choice
      const actions = choice.actions?.map(action =>
        action.kind === 'begin' && action.job.kind === 'start'
          ? { ...action, job: { ...action.job, order: order.id } satisfies Job }
          : action,
      )
      return actions === undefined ? choice : { ...choice, actions }
    },
  }
}

function isReadyPrimary(facts: ClusterFacts): boolean {
  return isRunning(facts.snap) && runsAsPrimary(facts)
}

type Shape = Pick<RestartJob, 'as' | 'upstream' | 'unguarded'>

function begin(facts: ClusterFacts, before: NonNullable<Choice['actions']>, shape: Shape): Choice {
  const wanted = wantedRestart(facts)
  if (wanted === null) throw new Error('no restart was asked for')
  const timeoutMs = wanted.timeoutMs ?? startLimitMs(facts)
  const { order } = wanted
  const job: RestartJob = {
    ...{ kind: 'restart', ...shape, timeoutMs },
    ...(shape.as === 'primary' ? { stopTimeoutMs: stopLimitMs(facts, timeoutMs) } : {}),
    ...(order === null ? {} : { order }),
  }
  return {
    reason: `restarting PostgreSQL as ${shape.as}, ${because(facts, wanted)}; it may take ${seconds(timeoutMs)} to come up`,
    actions: [...before, { kind: 'begin', job }],
    ...(order === null ? { remember: { scheduledRestart: null } } : {}),
    next: 'settled',
  }
}

function because({ memory }: ClusterFacts, { by, order }: WantedRestart): string {
  const at = String(memory.scheduledRestart?.shown.schedule ?? '')
  return order === null ? `scheduled for ${at} by ${by}` : `as ${by} asked`
}

function startLimitMs({ snap }: ClusterFacts): number {
  const { primaryStartTimeoutMs } = snap.settings
  return primaryStartTimeoutMs > 0 ? primaryStartTimeoutMs : STANDBY_START_MS
}

/** A stop that waits for ever would keep everybody from writing: then it is enforced, and the WAL is replayed. */
function stopLimitMs({ snap }: ClusterFacts, timeoutMs: number): number {
  const { primaryStopTimeoutMs } = snap.settings
  return primaryStopTimeoutMs > 0 ? primaryStopTimeoutMs : timeoutMs
}
