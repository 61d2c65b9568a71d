// May a switchover or a failover be done now, and if not, why? The rules of the leader, the REST API, and the commands
// with and without --dry-run all use this verdict, and each puts it in its own words (spec/interfaces.md 1.9,
// spec/ha.md 3.8.4, 3.8.7).

import type { ClusterView, Member, SyncState } from '../model/cluster/cluster.ts'
import type { PeerView } from '../model/cluster/peer.ts'
import { type HandoverRequest, runsHactl } from '../model/cluster/request.ts'
import { clusterTimeline } from '../model/cluster/timeline.ts'
import type { CandidateVerdict, NamesRefusal, RefusalCode, RequestRefusal } from '../model/cluster/verdict.ts'
import type { Seen } from '../model/seen.ts'
import type { Bytes, Lsn, MemberName, Timeline } from '../model/units.ts'
import type { ClusterModes } from '../wire/modes.ts'
import { dropNotStreaming, hasName, judgeCandidates, rankCandidates } from './candidates.ts'
import { isAsynchronous, type SyncSituation, shortOfQuorum, votersOf } from './synchronous.ts'

export type HandoverVerdict =
  /** `able`: the members that can take over, the likeliest first. `candidates`: the verdicts on all. */
  | {
      readonly is: 'possible'
      readonly able: readonly CandidateVerdict[]
      readonly candidates: readonly CandidateVerdict[]
    }
  /** There is no objection so far, but these members have to be asked first. */
  | { readonly is: 'ask'; readonly members: readonly Member[] }
  | {
      readonly is: 'refused'
      readonly code: RefusalCode
      /** Empty: no member was judged. */
      readonly candidates: readonly CandidateVerdict[]
    }

export type Answers = ReadonlyMap<MemberName, Seen<PeerView>>

export interface HandoverSituation {
  readonly members: readonly Member[]
  readonly sync: SyncState | null
  readonly modes: ClusterModes
  readonly maximumLagBytes: Bytes
  readonly leader: HandoverLeader | null
  /** The last position that a leader published. */
  readonly publishedPosition: Lsn | null
  /** From the history key. */
  readonly historyTimeline: Timeline | null
  /** The members' answers; null: none was asked yet. */
  readonly answers: Answers | null
}

interface HandoverLeader {
  readonly name: MemberName
  readonly runsHactl: boolean
  /** The known state of its server; null: not known. */
  readonly server: LeaderServer | null
}

interface LeaderServer {
  /** null: it does not run as primary, or does not answer. */
  readonly position: Lsn | null
  readonly timeline: Timeline | null
  /** Application names of the standbys that receive WAL from it; null: not known. */
  readonly receivers: readonly string[] | null
  /** Its agent answers, and PostgreSQL does not. */
  readonly isSilent: boolean
}

/** The situation as all but the leader itself see it: from the store and from the members' answers. */
export function situationSeen(
  view: ClusterView,
  modes: ClusterModes,
  maximumLagBytes: Bytes,
  answers: Answers | null,
): HandoverSituation {
  return {
    members: view.members,
    sync: view.sync?.value ?? null,
    modes,
    maximumLagBytes,
    leader: leaderSeen(view, answers),
    publishedPosition: view.status?.value.optime ?? null,
    historyTimeline: clusterTimeline(view.history?.value ?? null),
    answers,
  }
}

function leaderSeen({ leader, members }: ClusterView, answers: Answers | null): HandoverLeader | null {
  if (leader === null) return null
  const member = members.find(({ name }) => name === leader.name)
  const answer = answers?.get(leader.name)
  const isHactl = member !== undefined && runsHactl(member)
  return {
    name: leader.name,
    runsHactl: isHactl,
    server: answer?.known === true ? serverSeen(answer.value) : null,
  }
}

function serverSeen({ runsAsPrimary, position, timeline, receivers }: PeerView): LeaderServer {
  return {
    position: runsAsPrimary ? position : null,
    timeline: runsAsPrimary ? timeline : null,
    receivers: runsAsPrimary ? (receivers ?? null) : null,
    isSilent: position === null,
  }
}

/** The checks in their only order: the request, the store, the members' answers. */
export function judgeHandover(request: HandoverRequest, situation: HandoverSituation): HandoverVerdict {
  const code =
    refusalOfRequest(request, situation.modes.paused) ??
    // A scheduled request is judged again when it is due: the state now proves little.
    (request.scheduledAt === null ? refusalByNames(request, situation) : null)
  if (code !== null) {
    // Without a candidate, each member has its own reason.
    const candidates = code === 'no-sync-standby' ? verdictsOn(request, situation) : []
    return { is: 'refused', code, candidates }
  }
  const mustAsk = situation.answers === null && request.scheduledAt === null
  const members = mustAsk ? membersToAsk(request, situation) : []
  return members.length > 0 ? { is: 'ask', members } : judgeByAnswers(request, situation)
}

export function refusalOfRequest(
  { action, leader, candidate, scheduledAt }: HandoverRequest,
  paused: boolean,
): RequestRefusal | null {
  if (action === 'failover' && candidate === null) return 'candidate-required'
  if (paused && scheduledAt !== null) return 'scheduled-in-pause'
  if (paused && candidate === null) return 'candidate-required-in-pause'
  return leader !== null && leader === candidate ? 'same-member' : null
}

export function refusalByNames(
  { action, leader, candidate }: HandoverRequest,
  situation: HandoverSituation,
): NamesRefusal | null {
  const leads = situation.leader?.name ?? null
  if (action === 'switchover' && leads === null) return 'no-leader'
  if (leader !== null && leader !== leads) return 'leader-mismatch'
  // An agent of this version hands over to nobody then, whoever is named; one of Patroni does.
  if (situation.leader?.runsHactl === true && modeNotHonoured(situation.modes) !== null)
    return 'mode-unsupported'
  const others = situation.members.filter(({ name }) => name !== leads)
  const isInSync = (name: MemberName): boolean => hasName(situation.sync?.standbys ?? [], name)
  const onlySync = action === 'switchover' && situation.modes.synchronousMode === 'on'
  if (candidate !== null) {
    if (onlySync && !isInSync(candidate)) return 'candidate-not-in-sync'
    if (candidate === leads) return 'candidate-is-leader'
    if (!others.some(({ name }) => name === candidate)) return 'candidate-unknown'
  } else if (onlySync && !others.some(({ name }) => isInSync(name))) {
    return 'no-sync-standby'
  }
  return null
}

/** A mode that only a later version can keep; null: none. This version promotes no node under it (promises 1 and 2). */
export function modeNotHonoured({ standbyCluster }: ClusterModes): string | null {
  return standbyCluster ? 'standby_cluster' : null
}

/** The candidates and, for where it is and who streams from it, the leader. */
function membersToAsk({ candidate }: HandoverRequest, situation: HandoverSituation): readonly Member[] {
  const { leader, members } = situation
  return members.filter(
    ({ name, record }) =>
      record.apiUrl !== null &&
      (name === leader?.name ? leader.server === null : candidate === null || name === candidate),
  )
}

function judgeByAnswers(request: HandoverRequest, situation: HandoverSituation): HandoverVerdict {
  const { candidate } = request
  const candidates = verdictsOn(request, situation)
  const able = rankCandidates(candidates).filter(({ name }) => candidate === null || name === candidate)
  const isScheduled = request.scheduledAt !== null
  // A leader whose server does not answer cannot hand over: the request would be carried out unexpectedly when it wakes
  // up.
  if (situation.leader?.server?.isSilent === true && !isScheduled)
    return { is: 'refused', code: 'leader-silent', candidates }
  const names = able.map(({ name }) => name)
  if (
    able.length > 0 &&
    !isScheduled &&
    candidate === null &&
    shortOfQuorum(syncOf(situation), names) !== null
  )
    return { is: 'refused', code: 'quorum-not-reached', candidates }
  if (able.length > 0 || isScheduled) return { is: 'possible', able, candidates }
  if (candidate !== null) return { is: 'refused', code: 'candidate-unfit', candidates }
  const isAlone = candidates.every(({ code }) => code === 'no-api-url')
  return { is: 'refused', code: isAlone ? 'no-other-member' : 'no-candidate', candidates }
}

function verdictsOn(request: HandoverRequest, situation: HandoverSituation): readonly CandidateVerdict[] {
  const { leader, members, modes } = situation
  const leaderPosition = leaderPositionOf(situation)
  const verdicts = judgeCandidates({
    members,
    answers: situation.answers ?? new Map(),
    exclude: leader === null ? [] : [leader.name],
    voters: request.action === 'failover' ? null : votersOf(syncOf(situation)),
    wal:
      leader === null
        ? { kind: 'none', leaderPosition }
        : { kind: 'lag', leaderPosition, maximumBytes: situation.maximumLagBytes },
    clusterTimeline: modes.standbyCluster ? null : (leader?.server?.timeline ?? situation.historyTimeline),
  }).map(verdict => withSyncDuty(verdict, syncOf(situation)))
  return leader === null
    ? verdicts
    : dropNotStreaming(verdicts, members, leader.name, leader.server?.receivers ?? null)
}

/** A failover may be asked for to any member: whoever asks sees that no commit waited for this one. */
function withSyncDuty(verdict: CandidateVerdict, situation: SyncSituation): CandidateVerdict {
  return verdict.code === 'good' && isAsynchronous(situation, verdict.name)
    ? { ...verdict, reason: `${verdict.reason}; not a synchronous standby` }
    : verdict
}

/** The leader's WAL position, or the last one that was seen. */
export function leaderPositionOf({ leader, publishedPosition }: HandoverSituation): Lsn | null {
  return leader?.server?.position ?? publishedPosition
}

export function syncOf({ modes, sync, leader }: HandoverSituation): SyncSituation {
  return { modes, sync, isLed: leader !== null }
}
