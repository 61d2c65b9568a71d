// A switchover or failover as patronictl does it: one request to the leader or, without one, to the candidate, and only
// that member's answer is shown. If no member can be asked, the request is written into etcd.

import { done, failed, type Result } from '../../model/command/failure.ts'
import type { Deadline, Operator } from '../use-case.ts'
import type { CommandRequest } from './handover-request.ts'
import { noteFor, requestOf, withdraw } from './handover-request.ts'
import type { HandoverPlan } from './plan.ts'
import { submitHandover } from './submit.ts'
import type { Survey } from './survey.ts'

export type HandoverAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  /** The request is in etcd, and no member reported its outcome. */
  | { readonly kind: 'through etcd' }

export async function handOverByAnswer(
  operator: Operator,
  asked: CommandRequest,
  survey: Survey,
  given: Deadline,
  interrupted: AbortSignal,
): Promise<Result<HandoverAnswer>> {
  const deadline: Deadline = { ...given, leftMs: () => (interrupted.aborted ? 0 : given.leftMs()) }
  const plan: HandoverPlan = { survey, ...UNJUDGED, winner: asked.candidate }
  const request = requestOf(asked, plan, noteFor(operator, asked, deadline))
  const submitted = await submitHandover(operator, asked, plan, request, deadline)
  const reply = submitted.value?.reply ?? null
  const stopped = Promise.withResolvers<null>()
  interrupted.addEventListener('abort', () => stopped.resolve(null), { once: true })
  const answer = reply === null ? null : await Promise.race([reply, stopped.promise])
  if (interrupted.aborted) {
    const fate = await withdraw(operator, asked.cluster, request)
    return failed({ kind: 'interrupted', action: asked.action, request: fate })
  }
  if (answer?.kind === 'answered') return done(answer)
  return submitted.ok ? done({ kind: 'through etcd' }) : failed(submitted.failure)
}

const UNJUDGED = {
  alreadySo: false,
  verdicts: [],
  lostBytes: null,
  leaderPosition: null,
  failure: null,
} as const
