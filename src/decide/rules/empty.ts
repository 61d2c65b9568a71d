// There is no usable data directory: race for the right to create the cluster, clone from it, or wait (spec/ha.md 3.3, 3.4).

import type { Upstream } from '../../model/cluster/peer.ts'
import type { FailedWork, Founding } from '../../model/decision/memory.ts'
import {
  type ClusterFacts,
  hangsOnOwnLease,
  holdsLease,
  isHalfCopied,
  isHalfMade,
  isRunning,
  obstacle,
  outcomeOf,
  runsAsPrimary,
  storeName,
  succeeded,
  tried,
  wantedUpstream,
} from '../facts.ts'
import { missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { holdOnMs } from '../lead/lease-rules.ts'
import { cloneSource, cloneUpstream } from '../rejoin/clone-source.ts'
import { restAfter, restingFrom } from '../rejoin/failed-work.ts'
import { keepsKey, leaveToExpire } from '../rejoin/former-life.ts'
import { type Choice, type Rule, rule } from '../rule.ts'
import { reinitRules } from './parts/reinitialize.ts'

export const emptyRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'empty.stop-orphan',
    // spec/ha.md 8.B15
    why: 'a postmaster may outlive its directory and accept writes: it stops before the lease is released',
    level: 'warning',
    match: f => isRunning(f.snap),
    choose: f => ({
      reason: `PostgreSQL still runs though its data directory is ${describe(f)}`,
      actions: [
        {
          kind: 'begin',
          job: {
            kind: 'stop',
            // While no other node may lead, the standbys receive the rest of the WAL.
            mode: holdsLease(f.snap) && runsAsPrimary(f) ? 'fast' : 'immediate',
            checkpoint: false,
            timeoutMs: f.snap.settings.retryTimeoutMs,
          },
        },
      ],
      next: 'settled',
    }),
  }),
  leaveToExpire('empty'),
  rule({
    id: 'empty.release-lease',
    // spec/ha.md 8.B13
    why: 'a leader without a data directory must not block the others, once none of its servers may write',
    level: 'warning',
    match: f => keepsKey(f) && !tried(f.snap, 'release-lease'),
    choose: f => ({
      reason: `the data directory is ${describe(f)}, no server of this node runs, and the leader key is ours: releasing it`,
      actions: [
        { kind: 'release-lease', status: null },
        // The server that it guarded is dead; it would stop the next one in this directory.
        ...(f.snap.fencer.formerMayAct ? [{ kind: 'disarm-fencer' as const }] : []),
      ],
      remember: { lastRole: null },
    }),
  }),
  rule({
    id: 'empty.inaccessible',
    // spec/ha.md 8.B16
    why: 'a directory that cannot be read is not an empty one',
    level: 'warning',
    match: f => f.snap.postgres.dataDirectory.kind === 'inaccessible',
    choose: f => ({ reason: `data directory is not accessible: ${describe(f)}` }),
  }),
  rule({
    id: 'empty.obstacle',
    why: 'initdb and pg_basebackup refuse the root of a file system, so nothing is tried',
    level: 'warning',
    match: f => obstacle(f.snap),
    choose: (_, found) => ({ reason: `no data directory can be made: ${found}` }),
  }),
  rule({
    id: 'empty.read-cluster',
    why: 'etcd itself must say whether a cluster exists: the watch may be late',
    match: f => f.view.source === 'watch' && !tried(f.snap, 'read-cluster'),
    choose: f => ({
      reason: `no data directory; asking ${storeName(f.snap)} whether a cluster exists`,
      actions: [{ kind: 'read-cluster' }],
    }),
  }),
  ...reinitRules('empty'),
  rule({
    id: 'empty.wait-after-failure',
    why: 'a clone that failed is not repeated in a tight loop but ever more rarely',
    level: 'warning',
    match: f => restingFrom(f, mustRest(f)),
    choose: restAfter,
  }),
  rule({
    id: 'empty.begin-bootstrap',
    why: 'this node has the initialize key: no other node may create the cluster now',
    match: claimed,
    choose: (_, { initializeRevision }) => ({
      reason: 'trying to bootstrap a new cluster',
      actions: [{ kind: 'begin', job: { kind: 'bootstrap', initializeRevision } }],
      remember: { founding: { initializeRevision, stage: 'running' } },
      next: 'settled',
    }),
  }),
  rule({
    id: 'empty.lost-initialize-race',
    why: 'exactly one node creates the cluster',
    match: f => outcomeOf(f.snap, 'race-initialize'),
    choose: (f, { kind }) => ({
      reason: `failed to acquire initialize lock: ${kind}`,
      wakeInMs: holdOnMs(f),
    }),
  }),
  rule({
    id: 'empty.set-aside-unfinished',
    why: 'the result of half an initdb, or a server without its replication roles, must not become a cluster',
    level: 'warning',
    match: isHalfMade,
    choose: () => ({
      reason: 'an earlier agent did not finish creating the cluster; setting aside what it left',
      actions: [{ kind: 'begin', job: { kind: 'set-aside' } }],
      next: 'settled',
    }),
  }),
  rule({
    id: 'empty.without-configuration',
    why: 'a node that does not know how a cluster is to be configured does not create it',
    level: 'warning',
    match: f => f.view.leader === null && missingConfiguration(f.snap, f.view),
    choose: (f, missing) => ({
      reason: `no data directory, and ${withoutConfiguration(missing, f.snap)}: not creating a cluster`,
    }),
  }),
  rule({
    id: 'empty.race-initialize',
    why: 'no cluster exists and this node may create one',
    match: f =>
      f.view.leader === null &&
      f.view.initialize === null &&
      f.snap.self.mayBootstrap &&
      !f.snap.self.tags.nofailover,
    choose: () => ({
      reason: 'no cluster exists; racing for the right to create it',
      actions: [{ kind: 'race-initialize' }],
    }),
  }),
  rule({
    id: 'empty.clone',
    why: 'a node joins a cluster with a copy of its data, from a member tagged clonefrom if there is one',
    match: cloneUpstream,
    choose: beginClone,
  }),
  rule({
    id: 'empty.wait',
    why: 'without a leader there is nothing to copy, and only the winner of the initialize race creates a cluster',
    match: () => true,
    choose: f => ({
      reason:
        f.view.initialize?.value === ''
          ? 'another node is creating the cluster'
          : 'waiting for leader to bootstrap',
    }),
  }),
]

/**
 * The initialize key of this node: it won the race for it, or an empty key hangs on its lease because the request that created
 * it got no answer. null: this node does not have it.
 */
function claimed({ view, snap }: ClusterFacts): Pick<Founding, 'initializeRevision'> | null {
  const key = view.initialize
  const isOurs = key?.value === '' && hangsOnOwnLease(key, snap)
  return succeeded(snap, 'race-initialize') || isOurs
    ? { initializeRevision: key?.modRevision ?? null }
    : null
}

/** Without a source, a failed clone does not delay the creation of a cluster. */
function mustRest(facts: ClusterFacts): readonly FailedWork[] {
  return cloneSource(facts) === null ? ['set-aside'] : ['clone', 'set-aside']
}

function beginClone({ snap, view }: ClusterFacts, from: Upstream): Choice {
  const kind = from.name === view.leader?.name ? 'leader' : 'replica'
  return {
    reason: `trying to bootstrap from ${kind} '${from.name}'`,
    actions: [
      { kind: 'begin', job: { kind: 'clone', from, upstream: wantedUpstream(view, snap), replaces: null } },
    ],
    next: 'settled',
  }
}

function describe(facts: ClusterFacts): string {
  const directory = facts.snap.postgres.dataDirectory
  if (isHalfMade(facts)) return 'what an interrupted bootstrap left'
  if (isHalfCopied(facts.snap)) return 'what an interrupted copy left'
  return directory.kind === 'inaccessible' ? `not accessible (${directory.why})` : directory.kind
}
