// Who may lead: how a leader that hands over judges the others, and how a node in a race compares itself with them
// (spec/ha.md 3.8, without synchronous, quorum and standby-cluster mode; failsafe mode: failsafe-gate.ts).

import { judgeCandidates, rankCandidates } from '../../judge/candidates.ts'
import { modeNotHonoured } from '../../judge/handover.ts'
import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { leaseTtlOf } from '../../model/cluster/lease-ttl.ts'
import type { PeerView } from '../../model/cluster/peer.ts'
import { clusterTimeline } from '../../model/cluster/timeline.ts'
import type { CandidateVerdict } from '../../model/cluster/verdict.ts'
import { isNewer } from '../../model/revision.ts'
import type { Seen } from '../../model/seen.ts'
import {
  type Bytes,
  formatLsn,
  type Lsn,
  type MemberName,
  type Millis,
  type Timeline,
} from '../../model/units.ts'
import { maximumLagOf } from '../../wire/modes.ts'
import { type ClusterFacts, localPosition, server } from '../facts.ts'
import { isNamedCandidate } from '../lead/request-meaning.ts'
import { syncElection } from '../sync/electable.ts'
import { has } from '../sync/names.ts'
import { failoversWait } from './failover-interval.ts'
import { onlyInFailsafe } from './failsafe-gate.ts'
import { type Rival, rivals } from './rivals.ts'
import { electable } from './successors.ts'

/**
 * The other members of this view and of the last one that had a leader: a dead leader's member key may have expired.
 */
export function otherMembers({ view, memory, snap }: ClusterFacts): readonly Member[] {
  const byName = new Map<MemberName, Member>()
  for (const member of [...memory.lastMembers, ...view.members]) byName.set(member.name, member)
  byName.delete(snap.self.name)
  return [...byName.values()].filter(member => member.record.apiUrl !== null)
}

/** The members to ask for their positions; null: they were asked in this beat, or there are none. */
export function membersToAsk(facts: ClusterFacts): readonly Member[] | null {
  const known = otherMembers(facts)
  const others = [...known, ...onlyInFailsafe(facts, known)]
  return facts.snap.peers === null && others.length > 0 ? others : null
}

/** Text for a decision's `reason`. */
export function namesOf(members: readonly Member[]): string {
  return members.map(({ name }) => name).join(', ')
}

/** The peer can lead and has received this position. Nobody hands over to a primary. */
export function receivedEverything(peer: PeerView, needed: Lsn): boolean {
  return (
    !peer.runsAsPrimary &&
    !peer.nofailover &&
    !peer.watchdogFailed &&
    !peer.offHistory &&
    peer.withoutConfiguration !== true &&
    peer.unfit === undefined &&
    peer.position !== null &&
    peer.position >= needed
  )
}

/** Verdicts on the members that could take over from this node, from the answers of this beat. */
function verdicts(facts: ClusterFacts): readonly CandidateVerdict[] {
  const { snap, view } = facts
  const own = server(snap)
  return judgeCandidates({
    members: otherMembers(facts),
    answers: snap.peers ?? new Map<MemberName, Seen<PeerView>>(),
    exclude: [snap.self.name],
    voters: null,
    wal: {
      kind: 'lag',
      leaderPosition: own?.position ?? view.status?.value.optime ?? null,
      maximumBytes: snap.settings.maximumLagOnFailover,
    },
    clusterTimeline: own?.timeline ?? clusterTimeline(view.history?.value ?? null),
  })
}

function goodCandidates(facts: ClusterFacts): readonly MemberName[] {
  if (facts.snap.peers === null) return []
  const able = rankCandidates(verdicts(facts)).map(verdict => verdict.name)
  return electable(able, facts.snap, facts.view)
}

/** The members that can take over by themselves, the best first; null: none can, none may yet, or none was asked. */
export function someCandidate(facts: ClusterFacts): readonly MemberName[] | null {
  if (failoversWait(facts)) return null
  const good = goodCandidates(facts)
  return good.length > 0 ? good : null
}

/** Text for a decision's `reason`, where there is no such member. */
export function nobodyTakesOver(facts: ClusterFacts): string {
  return failoversWait(facts)
    ? 'nobody takes over: the next automatic failover has to wait (automatic_failover_interval)'
    : 'nobody can take over'
}

/** Bytes from this node's position to the last one that the leader published; null: none was published. */
function ownLag(view: ClusterView, position: Lsn): Bytes | null {
  const optime = view.status?.value.optime ?? null
  return optime === null ? null : optime - position
}

/**
 * How far this node is behind the last published position, if that is more than the operator allows; null: it is not.
 */
export function tooFarBehind(facts: ClusterFacts): string | null {
  const position = localPosition(facts.snap)?.lsn
  if (position === undefined) return null
  const lag = ownLag(facts.view, position)
  const limit = lagLimit(facts)
  return lag !== null && lag > limit ? `${lag} bytes behind, maximum_lag_on_failover is ${limit}` : null
}

/** The leader key was taken or released while the peers were being asked. */
export function answersPredateLeaderChange({ memory, snap }: ClusterFacts): boolean {
  const movedAtMs = memory.leaderMovedAtMs
  if (movedAtMs === null) return false
  return [...(snap.peers?.values() ?? [])].some(answer => answer.known && answer.atMs < movedAtMs)
}

/**
 * A leader releases the lease in good order only after some member has received all of its data. What this node lacks
 * of that, if a member that may have it does not answer; null: nothing, or all have answered.
 */
export function missingFromReleasedLeader(facts: ClusterFacts): string | null {
  const { view, memory, snap } = facts
  const last = view.lastLeader
  if (last === null || last.value !== null || isNewer(memory.lastLeaderRevision, last.modRevision))
    return null
  const lag = ownLag(view, localPosition(snap)?.lsn ?? 0n)
  if (lag === null || lag <= 0n) return null
  const silent = otherMembers(facts).filter(({ name }) => snap.peers?.get(name)?.known !== true)
  if (silent.length === 0) return null
  return `this node lacks ${lag} bytes of what the last leader left, and ${silent.map(({ name }) => name).join(' and ')}, who may have them, cannot be asked`
}

/** The limit that etcd has now: a node that could not see etcd may not have applied the newest configuration yet. */
function lagLimit({ view, snap }: ClusterFacts): Bytes {
  const config = view.config?.value
  return config?.valid === true ? maximumLagOf(config.document) : snap.settings.maximumLagOnFailover
}

/** A mode that only a later version can keep; null: none. This version promotes no node under it (promises 1 and 2). */
export function unsupportedMode({ snap }: ClusterFacts): string | null {
  return modeNotHonoured(snap.settings)
}

/** A peer that answers that it runs as primary, or that it holds the lease as far as it knows. */
export function livePrimary(facts: ClusterFacts): string | null {
  return rivals(facts).find(({ peer }) => peer.runsAsPrimary)?.name ?? null
}

/** A peer that runs as primary on the timeline of the local primary or a newer one. */
export function rivalPrimary(facts: ClusterFacts): string | null {
  const own = localPosition(facts.snap)?.timeline ?? 0
  const equal = rivals(facts).find(
    ({ peer }) => peer.runsAsPrimary && (peer.timeline === null || peer.timeline >= own),
  )
  return equal?.name ?? null
}

/** The first rival that must go first: more WAL on the newest timeline, or equal WAL and a higher priority. */
export function betterRival(facts: ClusterFacts): { readonly rival: Rival; readonly reason: string } | null {
  const own = localPosition(facts.snap)
  if (own === null) return null
  const election = syncElection(facts)
  for (const rival of rivals(facts)) {
    // What a member that may not lead has beyond this node was not acknowledged.
    if (election !== null && !has(election.voters, rival.name)) continue
    // Neither was what the former leader wrote last.
    if (election?.leader === rival.name && isOnlyAhead(own, rival.peer)) continue
    const reason = aheadOf(own, facts, rival)
    if (reason !== null) return { rival, reason }
  }
  return null
}

function isOnlyAhead(
  own: { readonly timeline: Timeline; readonly lsn: Lsn },
  { timeline, position }: PeerView,
): boolean {
  return (timeline ?? own.timeline) === own.timeline && position !== null && position > own.lsn
}

function aheadOf(
  own: { readonly timeline: Timeline; readonly lsn: Lsn },
  facts: ClusterFacts,
  { name, peer }: Rival,
): string | null {
  if (peer.nofailover || peer.watchdogFailed || peer.offHistory || peer.withoutConfiguration) return null
  if (peer.unfit !== undefined) return null
  if (peer.position === null || peer.position === 0n) return null
  const timeline = peer.timeline ?? own.timeline
  // On an older timeline a greater number is not more data: that branch was left.
  if (timeline < own.timeline) return null
  if (timeline > own.timeline) return `${name} is on timeline ${timeline}, this node on ${own.timeline}`
  if (peer.position > own.lsn)
    return `${name} has ${formatLsn(peer.position)}, ${peer.position - own.lsn} bytes more than this node`
  const priority = facts.snap.self.tags.failoverPriority
  if (isNamedCandidate(facts) || name === facts.memory.lastLeader) return null
  if (peer.position === own.lsn && peer.failoverPriority > priority) {
    return `${name} has the same position and priority ${peer.failoverPriority}, this node has priority ${priority}`
  }
  return null
}

/** States in which a member reports that its server writes nothing any more. */
const NOT_WRITING: readonly string[] = ['stopping', 'stopped', 'crashed', 'start failed', 'initdb failed']

/** Roles of a member that was a primary when it wrote its key, or may have become one since. */
const PRIMARY_ROLES: readonly string[] = ['primary', 'demoted', 'promoted']

/**
 * A member that may still write. A member key hangs on the lease of its node, and the node stops writing before that
 * lease ends: while the key exists, an unreachable member may write. So may one whose agent does not know which server
 * an earlier run of it left behind. `forMs`: for how long no node can have renewed the leader key. Twice its ttl after
 * that a lease has ended: etcd extends each lease by its whole ttl when it elects a leader of its own. The ttl is that
 * of the lease itself.
 */
export function silentPrimary(facts: ClusterFacts, forMs: Millis): Silence | null {
  const { view, snap } = facts
  for (const member of view.members) {
    const why = silenceOf(snap.peers?.get(member.name))
    if (member.name === snap.self.name || why === null || !mayStillWrite(member, facts)) continue
    if (forMs < 2 * Math.max(snap.settings.ttlMs, leaseTtlOf(member.record) ?? 0))
      return { name: member.name, why }
  }
  return null
}

interface Silence {
  readonly name: MemberName
  /** A predicate: the text goes on after "it". */
  readonly why: string
}

/** Why a peer's answer does not show what its server does; null: it shows it, or the peer was not asked. */
function silenceOf(answer: Seen<PeerView> | undefined): string | null {
  if (answer === undefined) return null
  if (!answer.known) return 'does not answer'
  return answer.value.formerMayWrite === true ? 'does not know whether a former server of it runs' : null
}

/**
 * A node that took the leader key and never released it may still accept writes, even if its member key says otherwise:
 * the key may be older than a start or a promotion. For all other nodes, a member key that says the server is down is
 * believed.
 */
function mayStillWrite({ name, record }: Member, { view, memory }: ClusterFacts): boolean {
  const last = view.lastLeader
  const isCurrent = last !== null && !isNewer(memory.lastLeaderRevision, last.modRevision)
  if (isCurrent && last.value === name) return true
  if (NOT_WRITING.includes(record.state)) return false
  return PRIMARY_ROLES.includes(record.role) || (!isCurrent && name === memory.lastLeader)
}
