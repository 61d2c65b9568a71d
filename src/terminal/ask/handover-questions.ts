// What `switchover` and `failover` ask before they begin, in the order that operators know, and how flags answer it.
// Without a terminal nothing is asked: missing flags take their defaults, and only --force may go on.

import type { Failure, Result } from '../../model/command/failure.ts'
import { done, failed } from '../../model/command/failure.ts'
import { eitherOf, nearestNames } from '../../model/command/nearest.ts'
import type { MemberName, WallMillis } from '../../model/units.ts'
import { objectionToTime, parseFutureSchedule } from '../format/schedule.ts'
import { askText, askYesNo, canAsk, type Objection } from './questions.ts'

export interface HandoverAnswers {
  readonly leader?: string | undefined
  readonly candidate?: string | undefined
  readonly scheduled?: string | undefined
  readonly force: boolean
  readonly 'dry-run': boolean
}

interface Wish {
  readonly action: 'switchover' | 'failover'
  readonly cluster: string
  readonly leader: MemberName | null
  readonly candidate: MemberName | null
  readonly scheduledAt: { readonly text: string; readonly wallMs: WallMillis } | null
}

interface Known {
  readonly leader: MemberName | null
  readonly eligible: readonly MemberName[]
  readonly modes: { readonly standbyCluster: boolean; readonly synchronousMode: 'off' | 'on' | 'quorum' }
  readonly view: { readonly sync: { readonly value: { readonly standbys: readonly MemberName[] } } | null }
}

export async function completeWish(
  action: Wish['action'],
  cluster: string,
  known: Known,
  answers: HandoverAnswers,
  nowMs: WallMillis,
): Promise<Result<Wish>> {
  const asks = !answers.force && !answers['dry-run'] && canAsk()
  const switchover = action === 'switchover'
  const role = known.modes.standbyCluster ? 'Standby Leader' : 'Primary'
  // Without a leader a switchover is refused: there is nothing to ask for.
  const useful = asks && (!switchover || known.leader !== null)
  const leader = await answer(answers.leader, useful && switchover, role, known.leader ?? '', name =>
    name === '' || name === known.leader ? null : `${name} does not lead: the leader is ${known.leader}`,
  )
  if (!leader.ok) return failed(leader.failure)
  const names = `['${known.eligible.join("', '")}']`
  const candidate = await answer(answers.candidate, useful, `Candidate ${names}`, '', name =>
    objectionToCandidate(name, action, known),
  )
  if (!candidate.ok) return failed(candidate.failure)
  const when = await answer(
    answers.scheduled,
    useful && switchover,
    `When should the switchover take place (e.g. 2030-01-01T12:35)`,
    'now',
    objectionToTime(nowMs),
  )
  if (!when.ok) return failed(when.failure)
  const schedule = await parseFutureSchedule(when.value, nowMs)
  if (!schedule.ok) {
    return failed({
      kind: 'usage',
      message: schedule.why,
      hint: 'for example --scheduled 2030-01-01T12:35+01:00, or now.',
    })
  }
  if (schedule.said !== null) process.stderr.write(`${schedule.said}\n`)
  return done({
    action,
    cluster,
    leader: leader.value === '' ? null : leader.value,
    candidate: candidate.value === '' ? null : candidate.value,
    scheduledAt: schedule.schedule,
  })
}

async function answer(
  given: string | undefined,
  ask: boolean,
  question: string,
  suggestion: string,
  objection: Objection,
): Promise<Result<string>> {
  if (given !== undefined) return done(given)
  return ask ? askText(question, suggestion, objection) : done('')
}

/** Checks the names alone; whether it would work is judged when all questions are answered. */
function objectionToCandidate(name: string, action: Wish['action'], known: Known): string | null {
  const { eligible } = known
  if (name === '') return action === 'failover' ? 'a failover needs a candidate' : null
  if (name === known.leader) return `${name} leads already`
  if (eligible.includes(name)) return null
  const near = nearestNames(name, eligible)
  const who = near.length > 0 ? `did you mean ${eitherOf(near)}?` : `choose one of ${eligible.join(', ')}`
  return `${name} cannot take over: ${who}`
}

/** null: go on. */
export async function confirmHandover(
  wish: Wish,
  known: Known,
  answers: HandoverAnswers,
): Promise<Failure | null> {
  if (answers.force) return null
  const question = confirmation(wish, known)
  if (!canAsk()) return { kind: 'not-a-terminal', question, flags: '--force' }
  const asynchronous = asynchronousCandidate(wish, known)
  if (asynchronous !== null) {
    const accepted = await askYesNo(
      `Are you sure you want to failover to the asynchronous node ${asynchronous}?`,
    )
    if (!accepted.ok) return accepted.failure
    if (!accepted.value) return { kind: 'declined', what: 'failover' }
  }
  const confirmed = await askYesNo(question)
  if (!confirmed.ok) return confirmed.failure
  const what = wish.scheduledAt === null ? wish.action : `scheduled ${wish.action}`
  return confirmed.value ? null : { kind: 'declined', what }
}

function confirmation(wish: Wish, known: Known): string {
  const demoting = known.leader === null ? '' : `, demoting current leader ${known.leader}`
  if (wish.scheduledAt === null)
    return `Are you sure you want to ${wish.action} cluster ${wish.cluster}${demoting}?`
  return (
    `Are you sure you want to schedule ${wish.action} of cluster ${wish.cluster} at ` +
    `${wish.scheduledAt.text}${demoting}?`
  )
}

function asynchronousCandidate(wish: Wish, known: Known): MemberName | null {
  if (wish.action !== 'failover' || wish.candidate === null || known.modes.synchronousMode === 'off')
    return null
  const standbys = known.view.sync?.value.standbys ?? []
  return standbys.some(name => name.toLowerCase() === wish.candidate?.toLowerCase()) ? null : wish.candidate
}
