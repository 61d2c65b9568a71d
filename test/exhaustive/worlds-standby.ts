// The small worlds of standbys: a race between nodes on different histories, following a leader, and the last steps
// before a promotion.

import type { HistoryLine } from '../../src/model/cluster/cluster.ts'
import type { Divergence } from '../../src/model/cluster/divergence.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import type { RecoverySettingsView } from '../../src/model/server/postgres.ts'
import { failure, product, values } from './combine.ts'
import { fencers } from './fencers.ts'
import { formers } from './formers.ts'
import { frozen, ME, NOW, OTHER } from './frozen.ts'
import {
  base,
  clusters,
  directories,
  leaderKey,
  member,
  memory,
  peers,
  running,
  self,
  server,
  settings,
  silent,
  stopped,
  view,
  type World,
} from './parts.ts'
import { noLease, proofs } from './proofs.ts'

const line = (timeline: number, lsn: bigint): HistoryLine => ({
  timeline,
  lsn,
  reason: 'promoted',
  leader: OTHER,
})
const histories: readonly (readonly HistoryLine[] | null)[] = [
  null,
  [],
  [line(1, 0x3000060n)],
  [line(1, 0x3000060n), line(2, 0x3000100n)],
]

/** Nobody leads: histories, positions and tags. */
export function* raceWorlds(): Generator<World> {
  const acquired: Outcome = { kind: 'done', action: 'acquire-lease' }
  const own = [
    { timeline: 1, history: seen([], NOW) },
    { timeline: 2, history: seen([{ timeline: 1, lsn: 0x3000060n }], NOW) },
    { timeline: 2, history: seen([{ timeline: 1, lsn: 0x2000000n }], NOW) },
    { timeline: 3, history: unseen('no such file') },
  ]
  const nofailover = { ...self, tags: { ...self.tags, nofailover: true, failoverPriority: 0 } }
  const parts = {
    history: histories,
    own: frozen(own),
    inRecovery: [true, false],
    optime: [null, 0x3000148n, 0x3000200n, 0x9000000n],
    peers: values(peers),
    self: frozen([self, { ...self, tags: { ...self.tags, failoverPriority: 0 } }, nofailover]),
    past: [
      {},
      { lastFailure: failure('promote', 1000) },
      { promotionAsked: true },
      { lastLeader: OTHER },
    ] satisfies readonly Partial<Memory>[],
    source: ['read', 'watch'] as const,
    outcomes: [
      [],
      [acquired],
      [{ kind: 'done', action: 'read-cluster' }],
    ] satisfies readonly (readonly Outcome[])[],
    others: ['stand by', 'silent primary', 'last leader gave up'] as const,
  }
  for (const part of product(parts)) {
    const { history, own: mine, inRecovery, optime, past, source, outcomes, others } = part
    const directory = inRecovery ? directories.standby : directories.primary
    yield {
      snap: {
        ...base,
        cluster: view({
          source,
          history: history === null ? null : { value: history, modRevision: revision(20) },
          status:
            optime === null
              ? null
              : { value: { optime, slots: null, retainSlots: null }, modRevision: revision(38) },
          lastLeader: others === 'last leader gave up' ? { value: null, modRevision: revision(40) } : null,
          members: [
            member(ME, 'replica'),
            member(OTHER, others === 'silent primary' ? 'primary' : 'replica'),
          ],
        }),
        lease: noLease,
        outcomes,
        peers: part.peers,
        self: part.self,
        postgres: {
          dataDirectory: { ...directory, history: mine.history },
          process: running('accepting'),
          server: server(inRecovery, { timeline: mine.timeline }),
          former: formers.nothing,
        },
      },
      memory: { ...memory, lastRole: inRecovery ? 'standby' : 'primary', ...past },
    }
  }
}

/** Somebody else leads: what a standby compares, rewinds, copies and sets. */
export function* followerWorlds(): Generator<World> {
  const permitting = { ...self, removeDataOnDivergedTimelines: true, removeDataOnRewindFailure: true }
  const recoveries: readonly Seen<RecoverySettingsView>[] = [
    ...(['none', 'reload', 'restart'] as const).map(change =>
      seen({ change, differing: ['primary_conninfo'] }, NOW),
    ),
    unseen('timeout'),
  ]
  const compared = (verdict: Divergence['verdict']): Snapshot['divergence'] =>
    seen({ verdict, localTimeline: 1, localLsn: 0n, leaderTimeline: 1, switchLsn: null }, NOW)
  const parts = {
    leader: [
      member(OTHER, 'primary'),
      member(OTHER, 'primary', { checkpointAfterPromote: false }),
      member(OTHER, 'primary', { timeline: 2 }),
      member(OTHER, 'replica'),
      member(OTHER, 'primary', { connUrl: null }),
      null,
    ],
    rejoin: ['check', 'follow', 'diverged', 'rewind-failed'] as const,
    divergence: frozen([
      null,
      compared('same'),
      compared('diverged'),
      compared('twin'),
      unseen('connection refused'),
    ]),
    recovery: frozen(recoveries),
    sight: frozen([
      { process: running('accepting'), server: server(true) },
      { process: running('accepting'), server: server(true, { replayPaused: true }) },
      { process: running('accepting'), server: silent },
      { process: running('rejecting'), server: silent },
      { process: stopped, server: silent },
    ]),
    directory: [
      directories.standby,
      directories.copy,
      directories.unreadableStandby,
      directories.primaryNoChecksums,
    ],
    self: frozen([
      self,
      permitting,
      { ...permitting, useRewind: false },
      { ...self, tags: { ...self.tags, nostream: true } },
    ]),
    past: frozen([
      { lastFailure: null },
      { lastFailure: failure('rewind', 1000) },
      { lastFailure: failure('clone', 1000) },
      { lastFailure: failure('follow', 1000) },
      { lastFailure: null, promotionAsked: true },
    ]),
    agreesWith: frozen([
      null,
      { leader: OTHER, timeline: 1, untilLsn: null },
      { leader: OTHER, timeline: 2, untilLsn: 0x3000000n },
    ]),
  }
  for (const part of product(parts)) {
    const { leader, rejoin, divergence, recovery, sight, directory, past, agreesWith } = part
    const tried: Outcome = { kind: 'done', action: 'compare-timelines' }
    yield {
      snap: {
        ...base,
        cluster: view({
          leader: leaderKey(OTHER),
          members: leader === null ? [member(ME, 'replica')] : [member(ME, 'replica'), leader],
        }),
        recovery,
        divergence,
        outcomes: divergence === null ? [] : [tried],
        self: part.self,
        postgres: { dataDirectory: directory, ...sight, former: formers.nothing },
      },
      memory: { ...memory, lastRole: 'standby', lastLeader: OTHER, rejoin, agreesWith, ...past },
    }
  }
}

/** The lease is ours: fencers that cannot be armed, promotions that failed, stops that failed, agents that just began. */
export function* leaderWorlds(): Generator<World> {
  const notArmed: Outcome = { kind: 'failed', action: 'arm-fencer', why: 'no answer' }
  // A loop so long that a renewal is not due before the margin in which nothing is promoted.
  const slow = { ...settings, loopWaitMs: 26_000, retryTimeoutMs: 2000 }
  const parts = {
    cluster: values(clusters),
    proof: proofs,
    inRecovery: [true, false, null],
    fencer: values(fencers),
    unfencedSinceMs: [null, NOW - 1000, NOW - 60_000],
    arming: [[], [notArmed]] satisfies readonly (readonly Outcome[])[],
    past: [null, failure('promote', 1000), failure('stop', 1000)],
    settings: frozen([settings, slow, { ...settings, paused: true }]),
    agent: ['long here', 'just started', 'stopping'] as const,
  }
  for (const part of product(parts)) {
    const { cluster, proof, inRecovery, fencer, unfencedSinceMs, arming, past, agent } = part
    const started = agent === 'just started'
    if (agent !== 'long here' && part.settings.loopWaitMs !== settings.loopWaitMs) continue
    if (unfencedSinceMs !== null && proof.lease.leaderUntilMs <= NOW) continue
    yield {
      snap: {
        ...base,
        startedAtMs: started ? NOW - 2000 : base.startedAtMs,
        cluster,
        lease: proof.lease,
        outcomes: [...proof.outcomes, ...arming],
        settings: part.settings,
        fencer,
        stopRequested: agent === 'stopping',
        postgres: {
          dataDirectory: inRecovery === true ? directories.standby : directories.primary,
          process: running('accepting'),
          server: inRecovery === null ? silent : server(inRecovery),
          former: formers.nothing,
        },
      },
      memory: {
        ...memory,
        lastRole: started ? null : inRecovery === true ? 'standby' : 'primary',
        sawCluster: !started,
        joined: !started,
        unfencedSinceMs,
        lastFailure: past,
      },
    }
  }
}
