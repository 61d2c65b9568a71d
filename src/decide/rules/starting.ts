// PostgreSQL runs but does not accept connections yet (spec/ha.md 3.9).

import {
  type ClusterFacts,
  differing,
  failedLately,
  holdsLease,
  mayLead,
  rewindPossible,
  runsAsPrimary,
  seconds,
  wantedUpstream,
} from '../facts.ts'
import { holdOnMs, lossOf, proofRules, unansweredAndEnding } from '../lead/lease-rules.ts'
import { askWhoTakesOver, stopAndYield, stopForAnother, whyNotStopped } from '../lead/making-way.ts'
import { comparable, compare, hasLeader } from '../rejoin/rejoin.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { reinitRules } from './parts/reinitialize.ts'
import { startingRestart } from './parts/restarting.ts'
import { letLeaseEnd } from './parts/yielding.ts'

const FOLLOW_AGAIN_MS = 5000
/** A replay that takes longer may still end. */
const STUCK_COPY_MS = 60_000

export const startingRules: readonly Rule<ClusterFacts>[] = [
  ...proofRules('starting'),
  letLeaseEnd('starting'),
  rule({
    id: 'starting.lost-lease',
    why: 'a primary in crash recovery must not come up without the lease',
    level: 'error',
    match: f => comesUpAsPrimary(f) && (!mayLead(f.snap) || unansweredAndEnding(f)),
    choose: f => ({
      reason: `stopping PostgreSQL while starting up: the lease is not ours (${lossOf(f)})`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  ...reinitRules('starting'),
  startingRestart,
  askWhoTakesOver({
    id: 'starting.look-for-candidate',
    why: 'a start that takes longer than primary_start_timeout is given up if somebody can take over',
    level: 'warning',
    ground: timedOut,
    tell: (_, f) => `PostgreSQL has been starting for ${seconds(startingFor(f))}`,
  }),
  stopForAnother({
    id: 'starting.fail-over',
    why: 'a start that takes longer than primary_start_timeout is given up if somebody can take over; its sessions may go on, so it is killed',
    level: 'warning',
    ground: timedOut,
    choose: (f, { able }) => {
      const why = `startup timeout after ${seconds(startingFor(f))}`
      return {
        reason: `stopped PostgreSQL because of ${why}: ${able.join(', ')} can take over`,
        ...stopAndYield('at once', why, { startFailures: 1 }),
      }
    },
  }),
  rule({
    id: 'starting.compare-timelines',
    why: 'a standby without an upstream may need more WAL before it accepts connections: if its timeline could not be compared before the start, it is compared now',
    match: f => comesUpAsStandby(f) && comparable(f),
    choose: (_, leader) => {
      const choice = compare(leader)
      return { ...choice, reason: `PostgreSQL is still starting up; ${choice.reason}` }
    },
  }),
  rule({
    id: 'starting.follow',
    why: 'if the local WAL ends inside a transaction with many subtransactions, the standby accepts no reads before it receives more',
    match: f =>
      comesUpAsStandby(f) &&
      f.memory.rejoin === 'follow' &&
      lacksUpstream(f) &&
      !failedLately(f, ['follow'], FOLLOW_AGAIN_MS),
    choose: f => ({
      reason: `PostgreSQL is still starting up, for ${seconds(startingFor(f))}; changing ${differing(f)} to follow ${wantedUpstream(f.view, f.snap)?.name ?? 'nobody'}`,
      actions: [{ kind: 'begin', job: { kind: 'follow', upstream: wantedUpstream(f.view, f.snap) } }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'starting.stuck-copy',
    why: 'a copy whose last WAL was lost with its source never becomes consistent, and only a person can distinguish that from a long replay',
    match: f =>
      comesUpAsStandby(f) && hasLeader(f) && f.memory.rejoin === 'diverged' && startingFor(f) > STUCK_COPY_MS,
    choose: f => ({
      reason: `PostgreSQL is still starting up: the local data left the history of leader ${f.view.leader?.name} and ${rewindPossible(f.snap) ? 'is rewound as soon as it is up' : 'cannot follow'}. HINT: If it waits for WAL that nobody has any more, stop the agent, remove the data directory and start the agent: a copy of ${f.view.leader?.name} takes its place`,
      level: 'warning',
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'starting.wait',
    why: 'recovery takes its time, and no other node can take over',
    match: () => true,
    choose: f => ({
      reason: `PostgreSQL is still starting up, for ${seconds(startingFor(f))}${timedOut(f) ? `; ${whyNotStopped(f)}` : ''}`,
      wakeInMs: holdOnMs(f),
    }),
  }),
]

/** Decided by the data directory or, if a slow disk hides it, by the server's last known role. */
function comesUpAsPrimary(facts: ClusterFacts): boolean {
  const directory = facts.snap.postgres.dataDirectory
  return directory.kind === 'present' ? !directory.recoveryConfigured : runsAsPrimary(facts)
}

function comesUpAsStandby(facts: ClusterFacts): boolean {
  const directory = facts.snap.postgres.dataDirectory
  return directory.kind === 'present' && directory.recoveryConfigured && !holdsLease(facts.snap)
}

/** This agent started the standby without its upstream, and a reload is enough to set it. */
function lacksUpstream({ view, snap }: ClusterFacts): boolean {
  return wantedUpstream(view, snap) !== null && snap.recovery.known && snap.recovery.value.change === 'reload'
}

function startingFor({ snap }: ClusterFacts): number {
  return snap.postgres.process.kind === 'running' ? snap.nowMs - snap.postgres.process.sinceMs : 0
}

function timedOut(facts: ClusterFacts): boolean {
  return (
    holdsLease(facts.snap) &&
    startingFor(facts) > (facts.memory.startLimitMs ?? facts.snap.settings.primaryStartTimeoutMs)
  )
}
