// Is a switchover or failover worth asking for? The verdict comes from the judge that the commands and the agents ask
// too; the texts and status codes are those that operators and patronictl know (spec/interfaces.md 1.9).

import {
  type Answers,
  type HandoverVerdict,
  judgeHandover,
  refusalOfRequest,
  situationSeen,
} from '../../judge/handover.ts'
import { type OtherRequest, otherRequest } from '../../judge/other-request.ts'
import type { ClusterView, FailoverRequest } from '../../model/cluster/cluster.ts'
import { describeRequest, type HandoverAction, type HandoverRequest } from '../../model/cluster/request.ts'
import type { CandidateVerdict, RefusalCode } from '../../model/cluster/verdict.ts'
import type { Millis, WallMillis } from '../../model/units.ts'
import type { Log } from '../../ports/log.ts'
import type { Peers } from '../../ports/peers.ts'
import type { Flags } from '../../wire/cluster-flags.ts'
import { parseSchedule } from '../../wire/times.ts'
import { outcomeReply, type Reply, text } from '../reply.ts'
import type { Asked } from '../request/failover-body.ts'

type Read =
  | { readonly ok: true; readonly request: HandoverRequest }
  | { readonly ok: false; readonly reply: Reply }

const PEER_TIMEOUT_MS: Millis = 2000

/** Checks 1 to 7: what is wrong with the request itself. A failover that names a leader becomes a switchover. */
export function readRequest(asked: Asked, named: HandoverAction, paused: boolean, nowMs: WallMillis): Read {
  const { leader, candidate } = asked
  const refuse = (status: number, why: string): Read => ({ ok: false, reply: text(status, why) })
  const isScheduled = asked.scheduledAt !== undefined
  // These checks go by the address that was called; the leader's name counts only below.
  if (named === 'failover' && candidate === null)
    return { ok: false, reply: refusal('candidate-required', named) }
  if (named === 'switchover' && leader === null)
    return refuse(400, 'Switchover could be performed only from a specific leader')
  if (named === 'failover' && isScheduled) return refuse(400, "Failover can't be scheduled")
  const action = leader === null ? named : 'switchover'
  const unread = { text: '', wallMs: null }
  const code = refusalOfRequest(
    { action, leader, candidate, scheduledAt: isScheduled ? unread : null },
    paused,
  )
  if (code === 'scheduled-in-pause') return { ok: false, reply: refusal(code, action) }
  let scheduledAt: FailoverRequest['scheduledAt'] = null
  if (isScheduled) {
    const schedule = parseSchedule(asked.scheduledAt, named, nowMs)
    if (!schedule.ok) return refuse(schedule.status, schedule.why)
    scheduledAt = schedule
  }
  if (code !== null) return { ok: false, reply: refusal(code, action) }
  return { ok: true, request: { action, leader, candidate, scheduledAt } }
}

/** A request in etcd is not replaced silently: 409, as Patroni's DELETE answers too; patronictl shows its text. */
export function conflictWith(cluster: ClusterView, ownId: string | null, nowMs: WallMillis): Reply | null {
  const other = otherRequest(cluster, ownId, nowMs)
  return other === null ? null : outcomeReply(409, 'other-request', conflictText(other))
}

function conflictText(other: OtherRequest): string {
  if (other.is === 'unreadable') return `another request is pending, which is not understood: ${other.why}`
  const what = other.request.scheduledAt === null ? 'is pending' : 'is scheduled'
  const cure = other.request.scheduledAt === null ? '' : '; delete it first (DELETE /switchover)'
  return `another request ${what}: ${describeRequest(other.request)}${cure}`
}

/** Checks 8 to 13; null: nothing is in the way. */
export async function obstacleTo(
  request: HandoverRequest,
  cluster: ClusterView,
  flags: Flags,
  { peers, log }: { readonly peers: Pick<Peers, 'ask'>; readonly log: Log },
): Promise<Reply | null> {
  const judge = (answers: Answers | null): HandoverVerdict =>
    judgeHandover(request, situationSeen(cluster, flags, flags.maximumLagBytes, answers))
  let verdict = judge(null)
  if (verdict.is === 'ask') verdict = judge(await peers.ask(verdict.members, PEER_TIMEOUT_MS))
  if (verdict.is !== 'refused') return null
  // The answer has Patroni's text, which says little; the log has the reasons.
  const why = [verdict.code, ...objections(verdict.candidates, request)].join('; ')
  log.warning(`refusing the ${request.action} request: ${why}`)
  return refusal(verdict.code, request.action)
}

function objections(
  candidates: readonly CandidateVerdict[],
  { candidate }: HandoverRequest,
): readonly string[] {
  return candidates
    .filter(({ name, code }) => code !== 'good' && (candidate === null || name === candidate))
    .map(({ name, reason }) => `${name}: ${reason}`)
}

function refusal(code: RefusalCode, action: HandoverAction): Reply {
  const [status, words] = WORDS[code]
  return outcomeReply(status, code, words.replace('<action>', action))
}

const NOBODY = '<action> is not possible: no good candidates have been found'

/** Where Patroni has no text for a case, its nearest one is used. */
const WORDS: Readonly<Record<RefusalCode, readonly [status: 400 | 412, words: string]>> = {
  'candidate-required': [400, 'Failover could be performed only to a specific candidate'],
  'scheduled-in-pause': [400, "Can't schedule switchover in the paused state"],
  'candidate-required-in-pause': [
    400,
    'Switchover is possible only to a specific candidate in a paused state',
  ],
  'same-member': [400, 'Switchover target and source are the same'],
  'no-leader': [412, 'leader name does not match'],
  'leader-mismatch': [412, 'leader name does not match'],
  'candidate-not-in-sync': [412, 'candidate name does not match with sync_standby'],
  'candidate-unknown': [412, 'candidate does not exists'],
  'candidate-is-leader': [412, NOBODY],
  'no-sync-standby': [412, '<action> is not possible: can not find sync_standby'],
  'no-other-member': [412, '<action> is not possible: cluster does not have members except leader'],
  'mode-unsupported': [412, NOBODY],
  'leader-silent': [412, '<action> is not possible: PostgreSQL of the leader does not answer'],
  'candidate-unfit': [412, NOBODY],
  'no-candidate': [412, NOBODY],
  'quorum-not-reached': [412, NOBODY],
}
