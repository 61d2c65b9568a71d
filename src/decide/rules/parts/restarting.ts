// A restart that somebody asked for, now or at a time that has come. On the leader the lease is kept and the fencer stays
// armed: the same timeline goes on (spec/ha.md 3.15.1).

import type { Action } from '../../../model/decision/action.ts'
import type { Job, RestartJob } from '../../../model/decision/work.ts'
import type { Millis } from '../../../model/units.ts'
import { type ClusterFacts, holdsLease, isRunning, runsAsPrimary, seconds } from '../../facts.ts'
import { heldMarginMs, isFenced } from '../../lead/fencing.ts'
import { hasTimeLeft } from '../../lead/lease-rules.ts'
import { isNotedGuarded } from '../../lead/maintenance.ts'
import { orderedRestart, orderOf, type WantedRestart, wantedRestart } from '../../order-facts.ts'
import { provenUpstream } from '../../rejoin/rejoin.ts'
import { type Choice, type Rule, rule, ruleThen } from '../../rule.ts'

/** A standby has nothing to lose by being killed after this. */
const STANDBY_START_MS = 60_000

export const leaderRestart: Rule<ClusterFacts> = rule({
  id: 'leader.restart',
  why: 'a checkpoint first, so that the stop is short; the lease is kept, and the fencer guards the new server before it accepts a write',
  log: 'event',
  match: f =>
    isReadyPrimary(f) && holdsLease(f.snap) && hasTimeLeft(f) && isFenced(f) ? wantedRestart(f) : null,
  choose: (f, wanted) =>
    begin(f, wanted, { as: 'primary', upstream: null }, [
      { kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) },
    ]),
})

export const followerRestart: Rule<ClusterFacts> = rule({
  id: 'follower.restart',
  why: 'asked for; it follows whom its data was compared with, and is compared anew when it is up',
  log: 'event',
  match: f => (isRunning(f.snap) ? wantedRestart(f) : null),
  choose: restartStandby,
})

export const startingRestart: Rule<ClusterFacts> = rule({
  id: 'starting.restart',
  why: 'asked for: a standby that takes long to come up may need a setting that only a restart changes',
  log: 'event',
  match: f => (holdsLease(f.snap) || runsAsPrimary(f) ? null : orderedRestart(f)),
  choose: restartStandby,
})

export const raceRestart: Rule<ClusterFacts> = rule({
  id: 'race.restart',
  why: 'asked for, and no election is under way: nobody has been able to lead for longer than a lease lasts',
  log: 'event',
  match: f => (runsAsPrimary(f) ? null : orderedRestart(f)),
  choose: restartStandby,
})

export const pausedRestarts: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'paused.restart-primary',
    why: 'asked for by somebody who is at work: in maintenance mode a primary goes on with or without a lease, and is not guarded',
    log: 'event',
    // Whom etcd calls guarded is.
    match: f => isReadyPrimary(f) && (isFenced(f) || !isNotedGuarded(f)) && orderedRestart(f),
    choose: (f, wanted) => begin(f, wanted, { as: 'primary', upstream: null, unguarded: true }),
  }),
  rule({
    id: 'paused.restart-standby',
    why: 'asked for by somebody who is at work',
    log: 'event',
    match: f => isRunning(f.snap) && !runsAsPrimary(f) && orderedRestart(f),
    choose: restartStandby,
  }),
  rule({
    id: 'paused.start-standby',
    why: 'asked for by somebody who is at work: nothing else starts a server in maintenance mode',
    log: 'event',
    match: f => !isRunning(f.snap) && orderOf(f, 'restart'),
    choose: (f, { id, by }) => ({
      reason: `starting PostgreSQL as a standby, as ${by} asked`,
      actions: [
        {
          kind: 'begin',
          job: {
            ...{ kind: 'start', as: 'standby', upstream: provenUpstream(f), timeoutMs: STANDBY_START_MS },
            order: id,
          },
        },
      ],
      next: 'settled',
    }),
  }),
]

/** A server that is down is started anyway: whoever asked for a restart waits for that start. */
export function answeringRestart(inner: Rule<ClusterFacts>): Rule<ClusterFacts> {
  return ruleThen(inner, (choice, facts) => {
    const order = orderOf(facts, 'restart')
    if (order === null || choice.actions === undefined) return choice
    const actions = choice.actions.map(action =>
      action.kind === 'begin' && action.job.kind === 'start'
        ? { ...action, job: { ...action.job, order: order.id } satisfies Job }
        : action,
    )
    return { ...choice, actions }
  })
}

function isReadyPrimary(facts: ClusterFacts): boolean {
  return isRunning(facts.snap) && runsAsPrimary(facts)
}

type Shape = Pick<RestartJob, 'as' | 'upstream' | 'unguarded'>

function restartStandby(facts: ClusterFacts, wanted: WantedRestart): Choice {
  return begin(facts, wanted, { as: 'standby', upstream: provenUpstream(facts) })
}

function begin(
  facts: ClusterFacts,
  wanted: WantedRestart,
  shape: Shape,
  before: readonly Action[] = [],
): Choice {
  const timeoutMs = wanted.timeoutMs ?? startLimitMs(facts)
  const { order } = wanted
  const job: RestartJob = {
    ...{ kind: 'restart', ...shape, timeoutMs },
    ...(shape.as === 'primary' ? { stopTimeoutMs: stopLimitMs(facts, timeoutMs) } : {}),
    ...(order === null ? {} : { order }),
  }
  return {
    reason: `restarting PostgreSQL as ${shape.as}, ${because(wanted)}; it may take ${seconds(timeoutMs)} to come up`,
    actions: [...before, { kind: 'begin', job }],
    ...(order === null ? { remember: { scheduledRestart: null } } : {}),
    next: 'settled',
  }
}

function because({ by, scheduledFor }: WantedRestart): string {
  return scheduledFor === null ? `as ${by} asked` : `scheduled for ${scheduledFor} by ${by}`
}

function startLimitMs({ snap }: ClusterFacts): number {
  const { primaryStartTimeoutMs } = snap.settings
  return primaryStartTimeoutMs > 0 ? primaryStartTimeoutMs : STANDBY_START_MS
}

/** A stop that waits for ever would keep everybody from writing: then it is enforced, and the WAL is replayed. */
function stopLimitMs({ snap }: ClusterFacts, timeoutMs: Millis): Millis {
  const { primaryStopTimeoutMs } = snap.settings
  return primaryStopTimeoutMs > 0 ? primaryStopTimeoutMs : timeoutMs
}
