// Before a switchover or failover: whether it would work, and what it would cost. The REST API and the agents use the
// same judge; it is asked first, so that a refusal comes with its reason and nothing was touched.

import { rankCandidates } from '../../judge/candidates.ts'
import {
  type Answers,
  type HandoverSituation,
  judgeHandover,
  leaderPositionOf,
  refusalByNames,
  situationSeen,
  syncOf,
} from '../../judge/handover.ts'
import { mayLackCommits } from '../../judge/synchronous.ts'
import type { CandidateVerdict } from '../../model/cluster/verdict.ts'
import type { Failure } from '../../model/command/failure.ts'
import { type Bytes, type Lsn, type MemberName, maxLsn } from '../../model/units.ts'
import { maximumLagOf } from '../../wire/modes.ts'
import type { EndangeredCopy } from '../members/endangered-copies.ts'
import type { Deadline, Operator } from '../use-case.ts'
import type { CommandRequest } from './handover-request.ts'
import { failureOf, requestInTheWay } from './refusal.ts'
import type { Survey } from './survey.ts'

export interface HandoverPlan {
  readonly survey: Survey
  /** The candidate leads already: nothing to do. */
  readonly alreadySo: boolean
  readonly verdicts: readonly CandidateVerdict[]
  /** The named candidate, or the member that would most likely win; null: nobody. */
  readonly winner: MemberName | null
  /** WAL that would be given up: 0 when the leader hands over itself; null: not known. */
  readonly lostBytes: Bytes | null
  readonly leaderPosition: Lsn | null
  /** Why the handover would not be done; null: it would be. */
  readonly failure: Failure | null
  /** Copies of the data that would end; absent: nobody was asked. */
  readonly copies?: readonly EndangeredCopy[]
}

const PEER_TIMEOUT_MS = 2000
const NOBODY: Answers = new Map()

/** Asks every other member, and the leader for its position, and judges. Bounded by 2 s and the deadline. */
export async function planHandover(
  operator: Pick<Operator, 'clock' | 'peers'>,
  asked: CommandRequest,
  survey: Survey,
  deadline: Deadline,
): Promise<HandoverPlan> {
  const alreadySo = asked.candidate !== null && asked.candidate === survey.leader
  const unjudged = { verdicts: [], winner: asked.candidate, lostBytes: 0n, leaderPosition: null }
  const nothing = { survey, alreadySo, ...unjudged }
  const nowMs = operator.clock.wallMs()
  const wrong = alreadySo ? null : objectionByNames(asked, survey)
  const failure = wrong ?? requestInTheWay(asked, survey, nowMs)
  if (failure !== null || alreadySo) return { ...nothing, failure }
  const askable = survey.view.members.filter(member => member.record.apiUrl !== null)
  const answers = await operator.peers.ask(askable, Math.min(PEER_TIMEOUT_MS, deadline.leftMs()))
  return judgePlan(asked, survey, answers)
}

/** Objections before anybody is asked. The names in a scheduled request are checked too: a typing error shows now. */
function objectionByNames(asked: CommandRequest, survey: Survey): Failure | null {
  const situation = situationOf(survey, null)
  const verdict = judgeHandover(asked, situation)
  const code = verdict.is === 'refused' ? verdict.code : refusalByNames(asked, situation)
  const candidates = verdict.is === 'refused' ? verdict.candidates : []
  return code === null ? null : failureOf({ asked, survey, code, candidates, answers: NOBODY })
}

function judgePlan(asked: CommandRequest, survey: Survey, answers: Answers): HandoverPlan {
  const situation = situationOf(survey, answers)
  const verdict = judgeHandover(asked, situation)
  const verdicts = verdict.is === 'ask' ? [] : verdict.candidates
  const winner = asked.candidate ?? rankCandidates(verdicts)[0]?.name ?? null
  const loss = lossOf(asked, winner, situation, verdicts)
  const lostBytes = loss === null ? 0n : loss.bytes
  const leaderPosition = leaderPositionOf(situation)
  const plan = { survey, alreadySo: false, verdicts, winner, lostBytes, leaderPosition }
  if (verdict.is === 'refused') {
    const { code, candidates } = verdict
    return { ...plan, failure: failureOf({ asked, survey, code, candidates, answers }) }
  }
  return { ...plan, failure: asked.scheduledAt === null ? dataLoss(asked, plan, loss, answers) : null }
}

function situationOf({ view, modes }: Survey, answers: Answers | null): HandoverSituation {
  const config = view.config?.value
  const maximumLag = maximumLagOf(config?.valid === true ? config.document : {})
  return situationSeen(view, modes, maximumLag, answers)
}

function dataLoss(
  asked: CommandRequest,
  plan: Omit<HandoverPlan, 'failure'>,
  loss: Loss | null,
  answers: Answers,
): Failure | null {
  const candidate = plan.winner
  if (asked.acceptDataLoss || candidate === null) return null
  const unguarded = mayRunUnguarded(plan.survey, answers)
  if (unguarded !== null) {
    const why = `${unguarded} led last and does not answer, and in maintenance mode nothing stops its server: if it still runs, what it accepts is lost`
    return { kind: 'data-loss', action: asked.action, candidate, lostBytes: null, why }
  }
  if (loss === null) return null
  return { kind: 'data-loss', action: asked.action, candidate, lostBytes: loss.bytes, why: loss.why }
}

/** The last leader, if it did not give the lease up in good order and does not report that it is down. */
function mayRunUnguarded({ modes, leader, view }: Survey, answers: Answers): MemberName | null {
  const last = view.lastLeader?.value ?? null
  return modes.paused && leader === null && last !== null && answers.get(last)?.known !== true ? last : null
}

interface Loss {
  /** null: how much is not known. */
  readonly bytes: Bytes | null
  readonly why: string
}

/**
 * A leader that hands over waits until the candidate has everything. Without one, the WAL is lost that the candidate
 * lacks but another member has, or the last published position includes. So may be what synchronous standbys
 * acknowledged.
 */
function lossOf(
  { action }: CommandRequest,
  winner: MemberName | null,
  situation: HandoverSituation,
  verdicts: readonly CandidateVerdict[],
): Loss | null {
  const { leader } = situation
  if (winner === null) return null
  const lacks = mayLackCommits(winner, syncOf(situation), verdicts)
  if (leader !== null) {
    // A request outlives its leader: a failover is then carried out without a handover.
    if (lacks === null || action !== 'failover' || leader.server !== null) return null
    return {
      bytes: null,
      why: `${lacks}, and the leader ${leader.name}, which would have to hand over, does not answer`,
    }
  }
  const newest = verdicts.reduce<Lsn | null>(
    (most, verdict) => maxLsn(most, verdict.position),
    leaderPositionOf(situation),
  )
  const position = verdicts.find(verdict => verdict.name === winner)?.position ?? null
  const behind = newest === null || position === null || position >= newest ? 0n : newest - position
  if (behind > 0n) {
    const why =
      'there is no leader to hand over, and more WAL than the candidate has is known to have been written'
    return { bytes: behind, why }
  }
  return lacks === null ? null : { bytes: null, why: `${lacks}, and there is no leader to hand over` }
}
