// Small questions about a snapshot, each named for what it asks, so that rules need not look into its structure.

import { type ClusterView, type Member, memberNamed } from '../model/cluster/cluster.ts'
import type { Upstream } from '../model/cluster/peer.ts'
import type { ActionKind } from '../model/decision/action.ts'
import type { FailedWork, Memory, WorkFailure } from '../model/decision/memory.ts'
import type { Outcome } from '../model/decision/outcome.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { isPrimaryOnly } from '../model/decision/work.ts'
import type { ControlData, PostgresView, ServerView } from '../model/server/postgres.ts'
import { wordsOf } from '../model/store-words.ts'
import { leadershipLeftMs } from '../model/timing.ts'
import type { LeaseId, Lsn, Millis, Timeline } from '../model/units.ts'
import { asUpstream, upstreamFor } from '../wire/upstream.ts'

export { memberNamed }

/** The facts of every situation. */
export interface Facts {
  readonly snap: Snapshot
  readonly memory: Memory
}

/** The facts in a situation in which the cluster in etcd is visible. */
export interface ClusterFacts extends Facts {
  readonly view: ClusterView
}

/** null: the cluster in etcd cannot be seen. */
export function seenCluster(facts: Facts): ClusterFacts | null {
  const { cluster } = facts.snap
  return cluster.known ? { ...facts, view: cluster.value } : null
}

/** The last outcome of an action of this kind in this beat. */
export function outcomeOf(snap: Snapshot, action: ActionKind): Outcome | null {
  return snap.outcomes.findLast(outcome => outcome.action === action) ?? null
}

export function tried(snap: Snapshot, action: ActionKind): boolean {
  return outcomeOf(snap, action) !== null
}

export function succeeded(snap: Snapshot, action: ActionKind): boolean {
  return outcomeOf(snap, action)?.kind === 'done'
}

/** One of these actions had this outcome in this beat. */
export function someOutcome(snap: Snapshot, actions: readonly ActionKind[], kind: Outcome['kind']): boolean {
  return actions.some(action => outcomeOf(snap, action)?.kind === kind)
}

/** The leader key is proved to hang on this node's lease, and the lease has not ended. */
export function holdsLease(snap: Snapshot): boolean {
  return snap.lease.leaderUntilMs > snap.nowMs
}

/** This node may be primary, and no other node may: proved by the lease, or in failsafe mode by all other members. */
export function mayLead(snap: Snapshot): boolean {
  return leadershipLeftMs(snap.lease, snap.nowMs) > 0
}

/** Of the store, for a reason. */
export function storeName({ self }: Snapshot): string {
  return wordsOf(self.store).name
}

/** Not: both have none. */
export function hangsOnOwnLease(key: { readonly leaseId?: LeaseId | null }, { lease }: Snapshot): boolean {
  return lease.leaseId !== null && key.leaseId === lease.leaseId
}

export function server(snap: Snapshot): ServerView | null {
  return snap.postgres.server.known ? snap.postgres.server.value : null
}

export function control(postgres: PostgresView): ControlData | null {
  const directory = postgres.dataDirectory
  return directory.kind === 'present' && directory.control.known ? directory.control.value : null
}

export function isRunning(snap: Snapshot): boolean {
  return snap.postgres.process.kind === 'running'
}

/** The directory holds part of a base backup: no server can ever start in it. */
export function isHalfCopied({ postgres }: Snapshot): boolean {
  const directory = postgres.dataDirectory
  return directory.kind === 'present' && directory.unfinished === 'copy'
}

/** What prevents a data directory on this node, and the remedy; null: nothing does. */
export function obstacle({ postgres }: Snapshot): string | null {
  const directory = postgres.dataDirectory
  const found = directory.kind === 'empty' ? directory.obstacle : undefined
  if (found === undefined) return null
  return `${found}: initdb and pg_basebackup refuse the root of a file system. HINT: Set postgresql.data_dir to a directory below it`
}

/** An earlier agent did not finish its bootstrap, and the cluster in etcd is not the one that it was creating. */
export function isHalfMade({ snap, view }: ClusterFacts): boolean {
  const directory = snap.postgres.dataDirectory
  if (directory.kind !== 'present' || directory.unfinished !== 'bootstrap') return false
  const cluster = clusterIdentifier(view)
  const data = control(snap.postgres)
  // A control file that cannot be read is no proof that the data is not the cluster's.
  return data === null ? cluster === null : cluster !== data.systemIdentifier
}

/**
 * The server accepts writes, as far as is known. A server that does not answer counts as what it was when last seen
 * (spec/ha.md 8.B3), and before that as what its directory would make it (S8), so that it is neither demoted wrongly
 * nor left running.
 */
export function runsAsPrimary(facts: Facts): boolean {
  const seen = server(facts.snap)
  if (seen !== null) return !seen.inRecovery
  return isRunning(facts.snap) && (facts.memory.lastRole ?? roleByDirectory(facts.snap)) === 'primary'
}

/** Text for a decision's `reason`: the recovery settings that differ from what the wanted upstream needs. */
export function differing({ snap }: Facts): string {
  return snap.recovery.known ? snap.recovery.value.differing.join(', ') : 'nothing'
}

/** This node holds the lease and its server is still a standby, to be promoted. */
export function isStandbyWithLease(facts: Facts): boolean {
  return server(facts.snap)?.inRecovery === true && holdsLease(facts.snap)
}

/** A promotion cannot be taken back: without the lease, the server must stop before the promotion is complete. */
export function promotingWithoutLease(facts: Facts): boolean {
  return facts.memory.promotionAsked && !mayLead(facts.snap) && !runsAsPrimary(facts)
}

function roleByDirectory({ postgres }: Snapshot): 'primary' | 'standby' | null {
  const directory = postgres.dataDirectory
  if (directory.kind !== 'present') return null
  return directory.recoveryConfigured ? 'standby' : 'primary'
}

/** The server accepts writes, or is about to: the fencer must be armed. */
export function mayWrite(facts: Facts): boolean {
  const work = facts.snap.work
  return runsAsPrimary(facts) || (work !== null && isPrimaryOnly(work.job))
}

/** The member that this node should stream from now; null: none. */
export function wantedUpstream(view: ClusterView, snap: Snapshot): Upstream | null {
  return upstreamFor(view, snap.self, snap.settings)
}

export function upstreamOf(member: Member, snap: Snapshot): Upstream | null {
  return asUpstream(member, snap.self, snap.settings)
}

/** The leader as a source of data and timelines, whichever member this node streams from. */
export function leaderUpstream(view: ClusterView, snap: Snapshot): Upstream | null {
  const leader =
    view.leader === null || view.leader.name === snap.self.name ? null : memberNamed(view, view.leader.name)
  return leader === null ? null : upstreamOf(leader, snap)
}

export function rewindPossible(snap: Snapshot): boolean {
  const data = control(snap.postgres)
  return snap.self.useRewind && data !== null && (data.walLogHints || data.dataChecksums)
}

/**
 * A copy, or the result of pg_rewind, that was never replayed to its end. Its pages may be newer than its own WAL, so
 * that pg_rewind would miss some of them, whatever state the control file reports.
 */
export function isUnfinishedCopy({ postgres }: Snapshot): boolean {
  const directory = postgres.dataDirectory
  const hasLabel = directory.kind === 'present' && directory.backupLabel
  return hasLabel || control(postgres)?.unfinishedBackup === true
}

/** pg_rewind is known to be impossible. A control file that cannot be read does not prove that. */
export function rewindImpossible(snap: Snapshot): boolean {
  return !snap.self.useRewind || (control(snap.postgres) !== null && !rewindPossible(snap))
}

/** Work of this kind failed less than this long ago. */
export function failedLately(facts: Facts, jobs: readonly FailedWork[], withinMs: Millis): boolean {
  return recentFailure(facts, jobs, withinMs) !== null
}

/** The last failure, if it was one of these jobs and less than this long ago. */
export function recentFailure(
  { memory, snap }: Facts,
  jobs: readonly FailedWork[],
  withinMs: Millis,
): WorkFailure | null {
  const failure = memory.lastFailure
  const isRecent = failure !== null && jobs.includes(failure.job) && snap.nowMs - failure.atMs < withinMs
  return isRecent ? failure : null
}

/** This node's position: from the server, else from the control file. */
export function localPosition(snap: Snapshot): { readonly timeline: Timeline; readonly lsn: Lsn } | null {
  const seen = server(snap)
  if (seen !== null) return seen.timeline === null ? null : { timeline: seen.timeline, lsn: seen.position }
  const data = control(snap.postgres)
  if (data === null) return null
  return data.minRecoveryTimeline > 0 && data.minRecoveryLsn > data.checkpointLsn
    ? { timeline: data.minRecoveryTimeline, lsn: data.minRecoveryLsn }
    : { timeline: data.checkpointTimeline, lsn: data.checkpointLsn }
}

/** Why this node does not know its own position; null: it does. */
export function positionUnknown({ snap }: Facts): string | null {
  const { server: seen } = snap.postgres
  if (!seen.known) return seen.why
  return localPosition(snap) === null ? 'no timeline' : null
}

/** `initialize` holds a system identifier: digits only, at least ten (spec/ha.md C5). */
export function isSystemIdentifier(text: string): boolean {
  return /^\d{10,20}$/.test(text)
}

/** The cluster's system identifier, from `initialize`; null: no cluster was announced, or the key was overwritten. */
export function clusterIdentifier({ initialize }: ClusterView): string | null {
  return initialize !== null && isSystemIdentifier(initialize.value) ? initialize.value : null
}

/** The identifier in etcd is not that of the local data. */
export function isForeign({ view, snap }: ClusterFacts): boolean {
  const cluster = clusterIdentifier(view)
  const data = control(snap.postgres)
  return data !== null && cluster !== null && cluster !== data.systemIdentifier
}

/**
 * This process joined the cluster with the data that it has: if etcd holds another identifier, it was written later.
 */
export function hasJoined({ memory, snap }: Facts): boolean {
  return memory.joinedAs !== null && memory.joinedAs === control(snap.postgres)?.systemIdentifier
}

/** The identifier of a running cluster was overwritten, and the leader is this node or the one that led before. */
export function isOverwritten(facts: ClusterFacts): boolean {
  return (
    isForeign(facts) && hasJoined(facts) && (facts.memory.strangeLeader === null || holdsLease(facts.snap))
  )
}

/** Text for a decision's `reason`. */
export function overwritten({ view, memory, snap }: ClusterFacts): string {
  return `somebody overwrote the system identifier in ${storeName(snap)} with ${view.initialize?.value}; this node joined under ${memory.joinedAs}`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** The leader key in etcd holds this node's name. */
export function namedLeader(facts: Facts): boolean {
  const { cluster, self } = facts.snap
  return cluster.known && cluster.value.leader?.name === self.name
}
