// The local data does not belong to the cluster in etcd, or etcd has no cluster yet (spec/ha.md C13, C14, 8.D2-D4).

import {
  type ClusterFacts,
  control,
  failedLately,
  hasJoined,
  holdsLease,
  isForeign,
  isRunning,
  runsAsPrimary,
  server,
  storeName,
  succeeded,
  tried,
} from '../facts.ts'
import { missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { holdOnMs } from '../lead/lease-rules.ts'
import { formerMayWrite } from '../rejoin/former-life.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { askStoreItself } from './namesake.ts'

/** A stop that failed is tried again after this; PostgreSQL is not left to itself while the lease is ours. */
const STOP_AGAIN_MS = 5000

export const strangerRules: readonly Rule<ClusterFacts>[] = [
  askStoreItself('stranger'),
  rule({
    id: 'stranger.stop-primary',
    why: "a leader whose data is not this cluster's stops before it releases the lease: nobody may be elected beside it; a primary that lost the lease stops as well",
    level: 'error',
    match: f => isForeign(f) && isRunning(f.snap) && mustStop(f) && !failedLately(f, ['stop'], STOP_AGAIN_MS),
    choose: f => ({ reason: `${mismatch(f)}; stopping PostgreSQL`, ...stopToFollow(f, 'fast') }),
  }),
  rule({
    id: 'stranger.release-lease',
    why: 'a node with the data of another cluster must not lead',
    level: 'warning',
    match: f =>
      isForeign(f) &&
      holdsLease(f.snap) &&
      !isRunning(f.snap) &&
      !formerMayWrite(f) &&
      !tried(f.snap, 'release-lease'),
    choose: f => ({
      reason: `${mismatch(f)}; releasing the lease`,
      actions: [{ kind: 'release-lease', status: null }],
    }),
  }),
  rule({
    id: 'stranger.wait-for-leader',
    why: 'an overwritten key must not end a running cluster; a new leader of this cluster restores it, and until then this node waits',
    match: f => isForeign(f) && hasJoined(f),
    choose: f => ({
      reason: `${mismatch(f)}, under which this node joined; ${f.memory.strangeLeader} took the lead since then and may belong to another cluster: neither following it nor racing until the identifier is restored`,
      level: 'warning',
    }),
  }),
  rule({
    id: 'stranger.exit',
    why: 'following or leading with the data of another cluster would destroy one of the two',
    level: 'error',
    match: isForeign,
    choose: f => ({
      reason: mismatch(f),
      actions: [
        {
          kind: 'exit',
          code: 1,
          why: `system ID mismatch, node ${f.snap.self.name} belongs to a different cluster: ${mismatch(f)}`,
        },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'stranger.refuse-standby',
    why: 'a cluster is adopted from its primary: adopted from a standby, it would be cut off from the primary that this standby follows',
    level: 'error',
    match: f =>
      control(f.snap.postgres) !== null && (server(f.snap)?.inRecovery === true || isStandbyData(f)),
    choose: f => ({
      reason: `no initialize key in ${storeName(f.snap)} and the local data is a standby: start the agent on the node running as primary first`,
      actions: [
        {
          kind: 'exit',
          code: 1,
          why: `No initialize key in DCS and PostgreSQL is running as replica on ${f.snap.self.name}, aborting start. Please first start hactl on the node running as primary`,
        },
      ],
      next: 'settled',
    }),
  }),
  rule({
    id: 'stranger.adopted',
    why: 'the identifier is in etcd now: this node is a member like any other',
    match: f => succeeded(f.snap, 'write-initialize'),
    choose: () => ({
      reason: 'adopted the existing data as this cluster',
      remember: { joined: true },
      next: 'again',
    }),
  }),
  rule({
    id: 'stranger.without-configuration',
    why: 'a node that does not know how a cluster is to be configured does not make its data one',
    level: 'warning',
    match: f => canAdopt(f) && missingConfiguration(f.snap, f.view),
    choose: (f, missing) => ({
      reason: `${withoutConfiguration(missing, f.snap)}: not adopting the local data`,
    }),
  }),
  rule({
    id: 'stranger.adopt',
    why: "a primary's data that no cluster claims becomes the cluster",
    match: f => !tried(f.snap, 'write-initialize') && canAdopt(f) && control(f.snap.postgres),
    choose: (f, { systemIdentifier }) => ({
      reason: `${storeName(f.snap)} knows no cluster; claiming it for system identifier ${systemIdentifier}`,
      actions: [
        {
          kind: 'write-initialize',
          value: systemIdentifier,
          ifRevision: f.view.initialize?.modRevision ?? null,
        },
      ],
    }),
  }),
  rule({
    id: 'stranger.wait',
    why: 'etcd did not answer, or the server cannot be judged yet',
    match: () => true,
    choose: f => ({
      reason: `cannot tell yet whether the local data is this cluster's${whyNotKnown(f)}`,
      ...(identityUnread(f) === null ? {} : { level: 'warning' as const }),
      wakeInMs: holdOnMs(f),
    }),
  }),
]

function whyNotKnown(facts: ClusterFacts): string {
  const { server } = facts.snap.postgres
  const unread = identityUnread(facts)
  if (unread !== null) return `: pg_control: ${unread}`
  return server.known ? '' : ` (${server.why})`
}

function identityUnread({ snap }: ClusterFacts): string | null {
  const directory = snap.postgres.dataDirectory
  return directory.kind === 'present' && !directory.control.known ? directory.control.why : null
}

/** The running server may be this cluster's primary, even if other data was put in place of its directory. */
function mustStop(facts: ClusterFacts): boolean {
  return holdsLease(facts.snap) || (facts.memory.joinedAs !== null && runsAsPrimary(facts))
}

function isStandbyData({ snap }: ClusterFacts): boolean {
  const directory = snap.postgres.dataDirectory
  return directory.kind === 'present' && directory.recoveryConfigured
}

/** A running server must have answered that it is a primary; a stopped one has the data of a primary. */
function canAdopt(facts: ClusterFacts): boolean {
  return !isRunning(facts.snap) || server(facts.snap)?.inRecovery === false
}

function mismatch({ view, snap }: ClusterFacts): string {
  return `the cluster's system identifier is ${view.initialize?.value}, the local data's ${control(snap.postgres)?.systemIdentifier}`
}
