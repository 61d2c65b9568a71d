// The request that a command makes, and how it is withdrawn: after a command has stopped waiting, nobody watches, and
// its request must not be carried out any more. A request that a leader has begun is not withdrawn: etcd decides which
// of the two came first.

import type { FailoverRequest, RequestNote } from '../../model/cluster/cluster.ts'
import { type HandoverRequest, isSameRequest, standingOf } from '../../model/cluster/request.ts'
import type { GivenUp } from '../../model/command/failure.ts'
import type { Millis } from '../../model/units.ts'
import type { Deadline, Operator } from '../use-case.ts'
import type { HandoverPlan } from './plan.ts'

/** What the operator asked a command for. A switchover without a leader means the current one. */
export interface CommandRequest extends HandoverRequest {
  readonly cluster: string
  readonly acceptDataLoss: boolean
  /** Replaces a request that is pending, but never one that is begun. */
  readonly replace: boolean
}

/** To find out the fate of a request after the command's own time is over. */
const WITHDRAW_MS: Millis = 5000
const ROUNDS_MAX = 3

/** A scheduled request does not expire, because its command does not wait for it. */
export function noteFor(
  operator: Operator,
  { scheduledAt }: CommandRequest,
  deadline: Deadline,
): RequestNote {
  const atMs = operator.clock.wallMs()
  const untilMs = scheduledAt === null ? atMs + deadline.leftMs() : null
  return { id: operator.newId(), by: operator.person, atMs, untilMs, begunBy: null }
}

export function requestOf(
  { action, candidate, scheduledAt }: CommandRequest,
  { survey }: HandoverPlan,
  note: RequestNote,
): FailoverRequest {
  return { leader: action === 'switchover' ? survey.leader : null, candidate, scheduledAt, note }
}

export async function withdraw(operator: Operator, cluster: string, ours: FailoverRequest): Promise<GivenUp> {
  const endMs = operator.clock.bootMs() + WITHDRAW_MS
  const leftMs = (): Millis => Math.max(1, endMs - operator.clock.bootMs())
  const unknown = (why: string): GivenUp => ({ kind: 'unknown', why, untilMs: ours.note?.untilMs ?? null })
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const read = await operator.store.read(cluster, leftMs())
    if (!read.known) return unknown(read.why)
    const standing = standingOf(read.value, request => isSameRequest(request, ours))
    if (standing.kind !== 'pending') return standing
    const outcome = await operator.store.writeFailover(cluster, null, standing.revision, leftMs())
    if (outcome.kind === 'done') return { kind: 'withdrawn' }
    if (outcome.kind === 'unreachable') return unknown(outcome.why)
  }
  return unknown('it kept changing')
}
