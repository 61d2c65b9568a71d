// A restart that was ordered, or scheduled and is due. The leader keeps its lease and its fencer stays armed: the same
// timeline goes on (spec/ha.md 3.15.1).

import type { Action } from '../../../model/decision/action.ts'
import type { Job, RestartJob } from '../../../model/decision/work.ts'
import { primaryStopLimitMs } from '../../../model/settings/stop-limit.ts'
import type { Millis } from '../../../model/units.ts'
import { type ClusterFacts, holdsLease, isRunning, runsAsPrimary, seconds } from '../../facts.ts'
import { heldMarginMs, isFenced } from '../../lead/fencing.ts'
import { hasLeaseLeft } from '../../lead/lease-left.ts'
import { isNotedGuarded } from '../../lead/maintenance.ts'
import { orderedRestart, orderOf, type WantedRestart, wantedRestart } from '../../order-facts.ts'
import { provenUpstream } from '../../rejoin/rejoin.ts'
import { type Choice, type Rule, rule, ruleThen } from '../../rule.ts'

/** How long a standby may take to start. */
const STANDBY_START_MS = 60_000

export const leaderRestart: Rule<ClusterFacts> = rule({
  id: 'leader.restart',
  why: 'a checkpoint comes first, so that the stop is short; the lease is kept, and the fencer guards the new server before it accepts a write',
  log: 'event',
  match: f =>
    isReadyPrimary(f) && holdsLease(f.snap) && hasLeaseLeft(f) && isFenced(f) ? wantedRestart(f) : null,
  choose: (f, wanted) =>
    begin(f, wanted, { as: 'primary', upstream: null }, [
      { kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) },
    ]),
})

export const followerRestart: Rule<ClusterFacts> = rule({
  id: 'follower.restart',
  why: 'a restart was asked for; the standby keeps the upstream that its data was compared with, and is compared again when it is up',
  log: 'event',
  match: f => (isRunning(f.snap) ? wantedRestart(f) : null),
  choose: restartStandby,
})

export const startingRestart: Rule<ClusterFacts> = rule({
  id: 'starting.restart',
  why: 'a restart was asked for: a standby that is slow to start may need a setting that only a restart changes',
  log: 'event',
  match: f => (holdsLease(f.snap) || runsAsPrimary(f) ? null : orderedRestart(f)),
  choose: restartStandby,
})

export const raceRestart: Rule<ClusterFacts> = rule({
  id: 'race.restart',
  why: 'a restart was asked for, and no election is under way: no node has been able to lead for longer than a lease lasts',
  log: 'event',
  match: f => (runsAsPrimary(f) ? null : orderedRestart(f)),
  choose: restartStandby,
})

export const pausedRestarts: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'paused.restart-primary',
    why: 'the operator asked for it: in maintenance mode a primary goes on with or without a lease, and is not guarded',
    log: 'event',
    // One that is noted as guarded in etcd is not: others take over when its lease ends, and an armed fencer may act before the
    // server is up again (seed 3563454987).
    match: f => isReadyPrimary(f) && !isNotedGuarded(f) && orderedRestart(f),
    choose: (f, wanted) => begin(f, wanted, { as: 'primary', upstream: null, unguarded: true }),
  }),
  rule({
    id: 'paused.restart-standby',
    why: 'the operator asked for it',
    log: 'event',
    match: f => isRunning(f.snap) && !runsAsPrimary(f) && orderedRestart(f),
    choose: restartStandby,
  }),
  rule({
    id: 'paused.start-standby',
    why: 'the operator asked for it: nothing else starts a server in maintenance mode',
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

/** A server that is down is started anyway: that start answers an order for a restart. */
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

/** A stop that never ended would block all writes: after this it is enforced, and the WAL is replayed. */
function stopLimitMs({ snap }: ClusterFacts, timeoutMs: Millis): Millis {
  return primaryStopLimitMs(snap.settings) ?? timeoutMs
}
