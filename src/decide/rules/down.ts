// PostgreSQL is not running: bring it back in the role that the lease allows, without losing what it holds (spec/ha.md 3.5).

import { otherMembers, someCandidate } from '../election/election.ts'
import { failoversWait } from '../election/failover-interval.ts'
import { bindingPromise } from '../election/failsafe-gate.ts'
import {
  type ClusterFacts,
  control,
  failedLately,
  holdsLease,
  isUnfinishedCopy,
  namedLeader,
  outcomeOf,
  recentFailure,
  rewindPossible,
  someOutcome,
  tried,
  wantedUpstream,
} from '../facts.ts'
import { missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { heldMarginMs } from '../lead/fencing.ts'
import { holdOnMs, holdOnReason, leaseLeft, proofRules, unansweredButAlive } from '../lead/lease-rules.ts'
import { hasTimeToBegin, missingWatchdog } from '../lead/watchdog.ts'
import { leaveToExpire, whyOtherData } from '../rejoin/former-life.ts'
import {
  cannotRejoin,
  comparisonFailed,
  hasLeader,
  provenUpstream,
  rejoinRules,
  whyCannotRejoin,
} from '../rejoin/rejoin.ts'
import { type Rule, rule } from '../rule.ts'
import { unfencedFailure } from './leader.ts'
import { handoverRules, startTimeout } from './parts/handing-over.ts'
import { reinitRules } from './parts/reinitialize.ts'
import { answeringRestart } from './parts/restarting.ts'
import { yieldingRules } from './parts/yielding.ts'

/** A released lease is taken within milliseconds; this node waits this long for the new leader before it starts without one. */
const NEW_LEADER_LIMIT_MS = 2000

const leaderRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'down.fail-over-at-once',
    why: 'primary_start_timeout 0 means: rather another primary than a restart here',
    level: 'warning',
    match: f => leads(f) && isPrimaryData(f) && failsOverAtOnce(f) && f.snap.peers === null,
    choose: f => ({
      reason: 'PostgreSQL crashed and primary_start_timeout is 0; looking for a candidate',
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  }),
  rule({
    id: 'down.release-to-candidate',
    why: 'primary_start_timeout is 0, and another node can take over',
    level: 'warning',
    match: f =>
      leads(f) &&
      isPrimaryData(f) &&
      failsOverAtOnce(f) &&
      !tried(f.snap, 'release-lease') &&
      someCandidate(f),
    choose: (_, candidates) => ({
      reason: `releasing the lease after a crash: ${candidates.join(', ')} can take over`,
      actions: [{ kind: 'release-lease', status: null }],
    }),
  }),
  rule({
    id: 'down.release-unfenced',
    why: 'a node that cannot be made primary safely lets another one try',
    level: 'warning',
    match: f =>
      leads(f) &&
      outcomeOf(f.snap, 'arm-fencer')?.kind === 'failed' &&
      !tried(f.snap, 'release-lease') &&
      unfencedFailure(f),
    choose: (_, failure) => ({
      reason: `the fencer could not be armed (${failure.why}), so PostgreSQL is not started as primary; releasing the lease`,
      actions: [{ kind: 'release-lease', status: null }],
      remember: { rejoin: 'check', agreesWith: null, unfencedSinceMs: null, lastFailure: failure },
    }),
  }),
  rule({
    id: 'down.release-unwatched',
    why: 'watchdog.mode is required: a node that cannot have it lets another one lead',
    level: 'warning',
    match: f => leads(f) && !tried(f.snap, 'release-lease') && missingWatchdog(f),
    choose: (_, why) => ({
      reason: `Watchdog device is not usable (${why}), so PostgreSQL is not started as primary; releasing the lease`,
      actions: [{ kind: 'release-lease', status: null }],
      remember: { lastRole: null, rejoin: 'check', agreesWith: null },
    }),
  }),
  rule({
    id: 'down.without-configuration',
    why: 'a node that does not know how its cluster is configured lets another one lead',
    level: 'warning',
    match: f => leads(f) && !tried(f.snap, 'release-lease') && missingConfiguration(f.snap, f.view),
    choose: (f, missing) => ({
      reason: `${withoutConfiguration(missing, f.snap)}: not starting as primary; releasing the lease`,
      actions: [{ kind: 'release-lease', status: null }],
      remember: { lastRole: null, rejoin: 'check' },
    }),
  }),
  rule({
    id: 'down.release-after-failure',
    why: 'a leader that cannot start its PostgreSQL as primary lets another node lead',
    level: 'warning',
    match: f => leads(f) && couldNotLead(f) && !tried(f.snap, 'release-lease'),
    choose: f => ({
      reason: `PostgreSQL did not ${f.memory.startFailures > 0 ? 'start' : 'become primary'} (${f.memory.lastFailure?.why ?? 'no reason known'}); releasing the lease`,
      actions: [{ kind: 'release-lease', status: null }],
      remember: { lastRole: null, rejoin: 'check' },
    }),
  }),
  rule({
    id: 'down.restart-primary',
    // spec/ha.md R3
    why: 'this node has held the lease without a gap: the same timeline goes on',
    level: 'warning',
    match: f => leads(f) && isPrimaryData(f) && hasTimeToBegin(f),
    choose: f => ({
      reason: `starting primary after failure (control file: ${control(f.snap.postgres)?.state ?? 'unreadable'}), lease ${leaseLeft(f)}`,
      actions: [
        { kind: 'arm-fencer', marginMs: heldMarginMs(f.snap) },
        { kind: 'begin', job: { kind: 'start', as: 'primary', upstream: null, timeoutMs: startTimeout(f) } },
      ],
    }),
  }),
  rule({
    id: 'down.start-to-promote',
    why: "this node holds the lease but its data is a standby's: it starts as a standby and is then promoted",
    match: f => leads(f) && hasTimeToBegin(f) && !isPrimaryData(f),
    choose: f => ({
      reason: 'starting as readonly because i had the session lock',
      actions: [
        { kind: 'begin', job: { kind: 'start', as: 'standby', upstream: null, timeoutMs: startTimeout(f) } },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'down.hold-lease',
    why: 'no answer is not a refusal: while this node may hold the lease, the cluster may go on with its data',
    level: 'warning',
    match: f => holdsLease(f.snap) || unansweredButAlive(f),
    choose: f => ({ reason: holdOnReason(f), wakeInMs: holdOnMs(f) }),
  }),
]

const standbyRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'down.wait-after-start-failure',
    // spec/postgres.md P24
    why: 'a start is tried once per loop, not in a tight loop',
    level: 'warning',
    match: f => recentFailure(f, ['start'], Math.min(f.snap.settings.loopWaitMs, 5000)),
    choose: (f, { why }) => ({
      reason: `failed to start postgres: ${why}`,
      wakeInMs: Math.min(f.snap.settings.loopWaitMs, 5000),
    }),
  }),
  rule({
    id: 'down.wait-for-new-leader',
    why: 'the lease was just released: the next leader shows in a moment',
    match: f => {
      const { releasedAtMs } = f.memory
      if (f.view.leader !== null || releasedAtMs === null) return null
      const forMs = f.snap.nowMs - releasedAtMs
      return forMs < NEW_LEADER_LIMIT_MS && { leftMs: NEW_LEADER_LIMIT_MS - forMs }
    },
    choose: (_, { leftMs }) => ({
      reason: 'waiting for the next leader',
      wakeInMs: Math.max(50, leftMs),
    }),
  }),
  rule({
    id: 'down.crash-recovery',
    // spec/postgres.md 1.12
    why: "pg_rewind and an exact comparison need a data directory that was shut down cleanly; but crash recovery of an older backup would leave the cluster's history on a timeline of the same number",
    match: f =>
      whyOtherData(f) === null &&
      !f.memory.crashRecoveryTried &&
      (f.view.leader === null || rewindPossible(f.snap) || f.snap.self.removeDataOnDivergedTimelines) &&
      uncleanState(f),
    choose: (_, state) => ({
      reason: `doing crash recovery in a single user mode (control file: ${state})`,
      actions: [{ kind: 'begin', job: { kind: 'crash-recovery' } }],
      next: 'settled',
    }),
  }),
  ...rejoinRules('down'),
  rule({
    id: 'down.keep-diverged',
    why: 'PostgreSQL follows a timeline of the same number without any check: data that pg_rewind cannot repair would become a mixture',
    match: cannotRejoin,
    choose: f => ({
      reason: `${whyCannotRejoin(f)}: not started. HINT: ${f.memory.brokenRewind === null ? 'Save what is needed of the data directory and remove it' : 'Remove the data directory'}; a copy of ${f.view.leader?.name} takes its place`,
      level: 'warning',
      wakeInMs: f.snap.settings.loopWaitMs,
    }),
  }),
  rule({
    id: 'down.finish-copy',
    why: 'pg_rewind needs data that was replayed to its end: a copy whose source was lost before the copy ever ran is replayed first, without an upstream',
    match: f =>
      f.memory.rejoin === 'diverged' && hasLeader(f) && rewindPossible(f.snap) && isUnfinishedCopy(f.snap),
    choose: f => ({
      reason: `starting as a secondary of nobody: the local copy left the history of leader ${f.view.leader?.name} and must be replayed to its end before a rewind`,
      actions: [{ kind: 'begin', job: { kind: 'start', as: 'standby', upstream: null, timeoutMs: 60_000 } }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'down.start-as-standby',
    why: 'a node that is not the leader runs as a standby',
    match: () => true,
    choose: f => {
      const upstream = provenUpstream(f)
      const failed = comparisonFailed(f)
      const of = upstream === null ? withoutUpstream(f) : ` of ${upstream.name}`
      return {
        reason: `starting as a secondary${of}${failed === null ? '' : ` (could not compare timelines: ${failed})`}`,
        actions: [{ kind: 'begin', job: { kind: 'start', as: 'standby', upstream, timeoutMs: 60_000 } }],
        next: 'settled',
      }
    },
  }),
]

const otherData: Rule<ClusterFacts> = rule({
  id: 'down.release-other-data',
  why: 'an older backup or a copy in place of the data that led would take the cluster back to an earlier state',
  level: 'warning',
  match: f => leads(f) && !tried(f.snap, 'release-lease') && whyOtherData(f),
  choose: (f, other) => ({
    reason: `not starting the local data as primary: ${other}; no server of this node runs: releasing the lease`,
    actions: [
      { kind: 'release-lease', status: null },
      ...(f.snap.fencer.formerMayAct ? [{ kind: 'disarm-fencer' as const }] : []),
    ],
    remember: { lastRole: null, rejoin: 'check', agreesWith: null, handover: null },
  }),
})

export const downRules: readonly Rule<ClusterFacts>[] = [
  leaveToExpire('down'),
  ...proofRules('down'),
  ...reinitRules('down'),
  otherData,
  ...[...handoverRules, ...yieldingRules, ...leaderRules, ...standbyRules].map(answeringRestart),
]

/** While the next automatic failover has to wait, a restart here is sooner. */
function failsOverAtOnce(facts: ClusterFacts): boolean {
  return facts.snap.settings.primaryStartTimeoutMs === 0 && !failoversWait(facts)
}

function leads(facts: ClusterFacts): boolean {
  const { snap, view } = facts
  // The view may be older than a renewal or acquisition that etcd confirmed in this beat.
  const proved = someOutcome(snap, ['renew-lease', 'acquire-lease', 'adopt-lease'], 'done')
  return (
    holdsLease(snap) &&
    bindingPromise(facts) === null &&
    (namedLeader(facts) || view.leader === null || proved)
  )
}

function couldNotLead(facts: ClusterFacts): boolean {
  return facts.memory.startFailures > 0 || failedLately(facts, ['promote'], facts.snap.settings.ttlMs)
}

function isPrimaryData({ snap }: ClusterFacts): boolean {
  const directory = snap.postgres.dataDirectory
  return directory.kind === 'present' && !directory.recoveryConfigured
}

function withoutUpstream(facts: ClusterFacts): string {
  const wanted = wantedUpstream(facts.view, facts.snap)
  return wanted === null ? '' : `, of nobody until it was compared with ${wanted.name}`
}

const UNCLEAN: readonly string[] = ['in production', 'shutting down', 'in crash recovery']

/** The state in the control file, if this is a primary's data that was not shut down cleanly; null: it is not. */
function uncleanState({ snap }: ClusterFacts): string | null {
  const directory = snap.postgres.dataDirectory
  if (directory.kind !== 'present' || directory.backupLabel || directory.recoveryConfigured) return null
  const state = control(snap.postgres)?.state
  return state !== undefined && UNCLEAN.includes(state) ? state : null
}
