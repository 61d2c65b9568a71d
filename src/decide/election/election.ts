// Who may lead: the judgement of the others by a leader that hands over, and of itself by a node in a race
// (spec/ha.md 3.8, without synchronous, quorum, failsafe and standby-cluster mode).

import { judgeCandidates, rankCandidates } from '../../judge/candidates.ts'
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

/** Members of this view and of the last one that had a leader, without us: a dead leader's key may have expired. */
export function otherMembers({ view, memory, snap }: ClusterFacts): readonly Member[] {
  const byName = new Map<MemberName, Member>()
  for (const member of [...memory.lastMembers, ...view.members]) byName.set(member.name, member)
  byName.delete(snap.self.name)
  return [...byName.values()].filter(member => member.record.apiUrl !== null)
}

/** Whom to ask what they have; null: they were asked in this beat, or there is nobody. */
export function membersToAsk(facts: ClusterFacts): readonly Member[] | null {
  const others = otherMembers(facts)
  return facts.snap.peers === null && others.length > 0 ? others : null
}

/** For a reason. */
export function namesOf(members: readonly Member[]): string {
  return members.map(({ name }) => name).join(', ')
}

/** Has the node received this position? A primary is not somebody to hand over to. */
export function receivedEverything(peer: PeerView, needed: Lsn): boolean {
  return (
    !peer.runsAsPrimary &&
    !peer.nofailover &&
    !peer.watchdogFailed &&
    !peer.offHistory &&
    peer.withoutConfiguration !== true &&
    peer.position !== null &&
    peer.position >= needed
  )
}

/** Verdicts on everybody who could take over from us, as asked in this beat; `candidate`: only that one. */
export function verdicts(facts: ClusterFacts, candidate: MemberName | null): readonly CandidateVerdict[] {
  const { snap, view } = facts
  const own = server(snap)
  return judgeCandidates({
    members: otherMembers(facts),
    answers: snap.peers ?? new Map<MemberName, Seen<PeerView>>(),
    exclude: [snap.self.name],
    requested: candidate,
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
  return facts.snap.peers === null ? [] : rankCandidates(verdicts(facts, null)).map(verdict => verdict.name)
}

/** Those who can take over, the best first; null: nobody, or nobody was asked. */
export function someCandidate(facts: ClusterFacts): readonly MemberName[] | null {
  const good = goodCandidates(facts)
  return good.length > 0 ? good : null
}

/** Bytes between the last position that the leader published and ours; null when nothing was published. */
function ownLag(view: ClusterView, position: Lsn): Bytes | null {
  const optime = view.status?.value.optime ?? null
  return optime === null ? null : optime - position
}

/** Further behind the last published position than the operator allows a new leader to be; null: not. */
export function tooFarBehind(facts: ClusterFacts): string | null {
  const position = localPosition(facts.snap)?.lsn
  if (position === undefined) return null
  const lag = ownLag(facts.view, position)
  const limit = lagLimit(facts)
  return lag !== null && lag > limit ? `${lag} bytes behind, maximum_lag_on_failover is ${limit}` : null
}

/** Somebody took the leader key, or gave it up, while the peers were being asked. */
export function answersPredateLeaderChange({ memory, snap }: ClusterFacts): boolean {
  const movedAtMs = memory.leaderMovedAtMs
  if (movedAtMs === null) return false
  return [...(snap.peers?.values() ?? [])].some(answer => answer.known && answer.atMs < movedAtMs)
}

/**
 * A leader that gave the lease up in good order left everything that it had with somebody. What this node lacks of it, if
 * somebody who may have it does not answer; null: nothing, or everybody answered.
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

/** The limit as etcd has it now: a node that was blind has not taken the newest configuration over yet. */
function lagLimit({ view, snap }: ClusterFacts): Bytes {
  const config = view.config?.value
  return config?.valid === true ? maximumLagOf(config.document) : snap.settings.maximumLagOnFailover
}

/** Modes that later versions carry out; under them this one makes nobody primary: one writer, and nothing acknowledged is lost. */
export function unsupportedMode({ snap }: ClusterFacts): string | null {
  if (snap.settings.synchronousMode !== 'off') return `synchronous_mode: ${snap.settings.synchronousMode}`
  return snap.settings.standbyCluster ? 'standby_cluster' : null
}

/** A peer that answered and may take part in a race. */
export interface Rival {
  readonly name: MemberName
  readonly peer: PeerView
}

export function rivals({ snap }: ClusterFacts): readonly Rival[] {
  const answered: Rival[] = []
  for (const [name, answer] of snap.peers ?? []) if (answer.known) answered.push({ name, peer: answer.value })
  return answered
}

/** Somebody who answered and runs as primary, or holds the lease for all it knows. */
export function livePrimary(facts: ClusterFacts): string | null {
  return rivals(facts).find(({ peer }) => peer.runsAsPrimary)?.name ?? null
}

/** A primary that the local one does not stand above by its timeline. */
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
  for (const rival of rivals(facts)) {
    const reason = aheadOf(own, facts, rival)
    if (reason !== null) return { rival, reason }
  }
  return null
}

function aheadOf(
  own: { readonly timeline: Timeline; readonly lsn: Lsn },
  facts: ClusterFacts,
  { name, peer }: Rival,
): string | null {
  if (peer.nofailover || peer.watchdogFailed || peer.offHistory || peer.withoutConfiguration) return null
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

/** States in which a member says of itself that nothing is written there any more. */
const NOT_WRITING: readonly string[] = ['stopping', 'stopped', 'crashed', 'start failed', 'initdb failed']

/** Roles of a member that was a primary when it wrote its key, or may have become one since. */
const PRIMARY_ROLES: readonly string[] = ['primary', 'demoted', 'promoted']

/**
 * A member key hangs on the lease of its node, which gives up writing before that ends: an unreachable member whose key
 * is still there may write. So may one whose agent does not know what a former life of it has left running. `forMs`: how
 * long nobody can have proved the leader key theirs; a lease ends within twice its ttl of that (etcd gives a lease its
 * whole ttl anew when it elects a leader of its own), and its ttl is the one it was made with.
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
  /** What follows on "it". */
  readonly why: string
}

/** null: it says what its server does, or was not asked. */
function silenceOf(answer: Seen<PeerView> | undefined): string | null {
  if (answer === undefined) return null
  if (!answer.known) return 'does not answer'
  return answer.value.formerMayWrite === true ? 'does not know whether a former server of it runs' : null
}

/**
 * Who took the leader key and did not give it up may write whatever its own key says: that may be older than a start or
 * a promotion. Of the others, of whom etcd has no such record, a key that says that the server is down is believed.
 */
function mayStillWrite({ name, record }: Member, { view, memory }: ClusterFacts): boolean {
  const last = view.lastLeader
  const tells = last !== null && !isNewer(memory.lastLeaderRevision, last.modRevision)
  if (tells && last.value === name) return true
  if (NOT_WRITING.includes(record.state)) return false
  return PRIMARY_ROLES.includes(record.role) || (!tells && name === memory.lastLeader)
}
