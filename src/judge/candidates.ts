// Which members could take over, and why could the others not? The checks of spec/ha.md 3.8.6 and 3.8.7 in their order,
// as a leader makes them before it hands over. The agent's rules and `--dry-run` use the same pure function, so both
// give the same answer with the same numbers.

import type { Member } from '../model/cluster/cluster.ts'
import type { PeerView } from '../model/cluster/peer.ts'
import type { CandidateCode, CandidateVerdict } from '../model/cluster/verdict.ts'
import type { Seen } from '../model/seen.ts'
import { type Bytes, formatLsn, type Lsn, type MemberName, type Timeline } from '../model/units.ts'
import { failoverTags, hasNostream, replicatesFrom } from '../wire/tags.ts'

export interface CandidateQuestion {
  readonly members: readonly Member[]
  /** Answers of `GET /patroni`; a member that is missing here was not asked, which counts as not reachable. */
  readonly answers: ReadonlyMap<MemberName, Seen<PeerView>>
  /** Never candidates: the node that asks, or the one to be replaced. */
  readonly exclude: readonly MemberName[]
  /** The members that may win under synchronous replication; null: it is off, or does not matter (manual failover). */
  readonly voters: readonly MemberName[] | null
  /** `lag`: not further than `maximumBytes` behind; `position`: at least there; `none`: not asked (spec/ha.md M8). */
  readonly wal:
    | { readonly kind: 'lag'; readonly leaderPosition: Lsn | null; readonly maximumBytes: Bytes }
    | { readonly kind: 'position'; readonly required: Lsn }
    | { readonly kind: 'none'; readonly leaderPosition: Lsn | null }
  /** The cluster's timeline by the history key; null: not known, or not asked (standby cluster). */
  readonly clusterTimeline: Timeline | null
}

/** A verdict on each member except the excluded ones, in the order of `members`. */
export function judgeCandidates(question: CandidateQuestion): readonly CandidateVerdict[] {
  return question.members
    .filter(member => !question.exclude.includes(member.name))
    .map(member => judge(member, question))
}

/** Those who could take over, the likeliest winner first: most WAL, then highest failover_priority, then name. */
export function rankCandidates(verdicts: readonly CandidateVerdict[]): readonly CandidateVerdict[] {
  return verdicts.filter(verdict => verdict.code === 'good').sort(byLikelihood)
}

/**
 * The verdicts for a leader that would have to send the last record itself: a member that should stream from it, but is
 * not among `receivers`, is no good candidate. null: the receivers are not known, and nothing changes.
 */
export function dropNotStreaming(
  verdicts: readonly CandidateVerdict[],
  members: readonly Member[],
  leader: MemberName,
  receivers: readonly string[] | null,
): readonly CandidateVerdict[] {
  if (receivers === null) return verdicts
  const silent = members.filter(
    member => streamsDirectly(member, leader) && !receivers.includes(applicationName(member.name)),
  )
  return verdicts.map(verdict =>
    verdict.code === 'good' && silent.some(member => member.name === verdict.name)
      ? {
          ...verdict,
          code: 'not-streaming',
          reason: `${verdict.reason}, but it does not stream from ${leader}`,
        }
      : verdict,
  )
}

/**
 * Decided by its tags. A name that is not ASCII is left out, because each version of PostgreSQL shows it differently.
 */
function streamsDirectly({ name, record }: Member, leader: MemberName): boolean {
  const source = replicatesFrom(record.tags)
  const cascades = source !== null && source !== leader
  return !cascades && !hasNostream(record.tags) && /^[ -~]+$/.test(name)
}

/** The name as PostgreSQL shows it: at most NAMEDATALEN - 1 bytes. */
function applicationName(name: MemberName): string {
  return name.slice(0, 63)
}

function byLikelihood(a: CandidateVerdict, b: CandidateVerdict): number {
  const [left, right] = [a.position ?? 0n, b.position ?? 0n]
  if (left !== right) return left > right ? -1 : 1
  if (a.failoverPriority !== b.failoverPriority) return b.failoverPriority - a.failoverPriority
  return a.name < b.name ? -1 : 1
}

function judge(member: Member, question: CandidateQuestion): CandidateVerdict {
  const answer = question.answers.get(member.name)
  const peer = answer?.known === true ? answer.value : null
  // A primary counts as having no WAL position: nobody hands over to it.
  const position = peer === null ? null : peer.position
  const [code, reason] = firstObjection(member, answer, position, question) ?? [
    'good',
    describeFitness(position, question),
  ]
  return {
    name: member.name,
    code,
    reason,
    position,
    timeline: peer?.timeline ?? null,
    behindBytes: behind(position, question),
    failoverPriority: peer?.failoverPriority ?? failoverTags(member.record.tags).failoverPriority,
  }
}

type Objection = readonly [Exclude<CandidateCode, 'good'>, string]

function firstObjection(
  member: Member,
  answer: Seen<PeerView> | undefined,
  position: Lsn | null,
  question: CandidateQuestion,
): Objection | null {
  if (failoverTags(member.record.tags).nofailover) return ['nofailover', 'tagged nofailover']
  if (member.record.apiUrl === null) return ['no-api-url', 'its member key has no api_url to ask it at']
  if (question.voters !== null && !hasName(question.voters, member.name)) {
    return ['not-voter', `not a synchronous standby (${question.voters.join(', ') || 'there is none'})`]
  }
  if (answer === undefined) return ['unreachable', 'not reachable: not asked']
  if (!answer.known) return ['unreachable', `not reachable: ${answer.why}`]
  return objectionOfPeer(answer.value, position, question)
}

function objectionOfPeer(
  peer: PeerView,
  position: Lsn | null,
  question: CandidateQuestion,
): Objection | null {
  if (peer.position === null && !peer.runsAsPrimary) {
    return ['no-position', `not ready: its answer has no WAL position (state ${peer.state})`]
  }
  if (peer.nofailover) return ['nofailover', 'tagged nofailover']
  if (peer.watchdogFailed) return ['watchdog', 'its watchdog is required and not usable']
  if (peer.runsAsPrimary) return ['runs-as-primary', 'it runs as a primary itself']
  if (peer.offHistory) {
    return [
      'timeline-unknown',
      "its data left the cluster's history, or cannot be told to be on it: it says so itself",
    ]
  }
  if (peer.unfit !== undefined) return ['unfit', `${peer.unfit}: it says so itself`]
  if (peer.receivesNothing === true) return ['not-streaming', 'it receives no WAL: it says so itself']
  return (
    objectionOfWal(position ?? 0n, question) ?? objectionOfTimeline(peer.timeline, question.clusterTimeline)
  )
}

function objectionOfWal(position: Lsn, question: CandidateQuestion): Objection | null {
  const wal = question.wal
  if (wal.kind === 'position' && position < wal.required) {
    const missing = wal.required - position
    return [
      'behind',
      `at ${formatLsn(position)}, ${missing} bytes short of ${formatLsn(wal.required)}, which it must have received`,
    ]
  }
  if (wal.kind === 'lag' && wal.leaderPosition !== null && wal.leaderPosition - position > wal.maximumBytes) {
    const lag = wal.leaderPosition - position
    return ['behind', `${lag} bytes behind the leader, more than maximum_lag_on_failover ${wal.maximumBytes}`]
  }
  return null
}

function objectionOfTimeline(timeline: Timeline | null, cluster: Timeline | null): Objection | null {
  if (cluster === null) return null
  if (timeline === null)
    return ['timeline-unknown', `its timeline is not known, the cluster is on timeline ${cluster}`]
  if (timeline < cluster) {
    return ['timeline-behind', `on timeline ${timeline}, behind the cluster's timeline ${cluster}`]
  }
  return null
}

function describeFitness(position: Lsn | null, question: CandidateQuestion): string {
  const lag = behind(position, question)
  const at = position === null ? 'no position known' : `at ${formatLsn(position)}`
  return lag === null ? at : `${at}, ${lag} bytes behind ${BEHIND[question.wal.kind]}`
}

const BEHIND = {
  lag: 'the leader',
  position: 'what it must have received',
  none: 'the last known position of the leader',
} as const

function behind(position: Lsn | null, question: CandidateQuestion): Bytes | null {
  const leader = question.wal.kind === 'position' ? question.wal.required : question.wal.leaderPosition
  if (leader === null || position === null) return null
  return leader > position ? leader - position : 0n
}

/** Names under synchronous replication are compared without case (spec/ha.md 1.3). */
export function hasName(names: readonly MemberName[], name: MemberName): boolean {
  return names.some(other => other.toLowerCase() === name.toLowerCase())
}
