// A member's status (GET /patroni), as far as an operation on it needs it. The member may run any version of Patroni:
// fields that its answer lacks are null.

import type { Json, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import type { Lsn, Millis } from '../../model/units.ts'
import { parseStatusAnswer } from '../../wire/status-answer.ts'
import type { Operator } from '../use-case.ts'
import { callMember } from './member-operation.ts'

export interface MemberStatus {
  readonly state: string
  readonly role: string
  readonly replicationState: string | null
  /** As PostgreSQL reports it; another text means another postmaster. null: no server runs that could report it. */
  readonly startedAt: string | null
  readonly serverVersion: number | null
  readonly pendingRestart: boolean
  readonly pendingRestartReason: JsonObject
  /** The position that a standby has replayed, or that a primary has written. */
  readonly replayed: Lsn | null
  readonly received: Lsn | null
  /** Only hactl's agents report their work. */
  readonly work: MemberWork | null
  readonly problem: string | null
  readonly isHactl: boolean
}

export interface MemberWork {
  readonly kind: string
  readonly phase: string | null
  readonly bytesDone: number | null
  readonly bytesTotal: number | null
  readonly source: string | null
}

/** One look must not take all the time that is left. */
export const LOOK_TIMEOUT_MS: Millis = 3000

export async function lookAt(
  operator: Operator,
  member: Member,
  timeoutMs: Millis = LOOK_TIMEOUT_MS,
): Promise<Seen<MemberStatus>> {
  const atMs = operator.clock.bootMs()
  const reply = await callMember(operator, member, { method: 'GET', path: '/patroni', timeoutMs })
  if (reply.kind === 'unreachable') return unseen(reply.why)
  const status = reply.status === 200 || reply.status === 503 ? readStatus(reply.body) : null
  return status === null ? unseen(`it answered ${reply.status}, and no status document`) : seen(status, atMs)
}

/** In service: the member accepts connections and, as a standby, streams WAL. */
export function isInService(status: MemberStatus): boolean {
  return status.state === 'running' && (leads(status) || status.replicationState === 'streaming')
}

export function leads({ role }: MemberStatus): boolean {
  return role === 'primary'
}

export function stateText({ state, replicationState, problem }: MemberStatus): string {
  const shown = state === 'running' ? (replicationState ?? state) : state
  return problem === null ? shown : `${shown}: ${problem}`
}

function readStatus(body: string): MemberStatus | null {
  const answer = parseStatusAnswer(body)
  if (answer === null || answer.state === null) return null
  const { positions, hactl } = answer
  return {
    state: answer.state,
    role: answer.role ?? '',
    replicationState: answer.replicationState,
    startedAt: answer.startedAt,
    serverVersion: answer.serverVersion,
    pendingRestart: answer.pendingRestart,
    pendingRestartReason: answer.pendingRestartReason,
    replayed: positions?.written ?? positions?.replayed ?? null,
    received: positions?.written ?? positions?.received ?? null,
    work: readWork(hactl?.work),
    problem: text(hactl?.problem),
    isHactl: hactl !== null,
  }
}

function readWork(work: Json | undefined): MemberWork | null {
  if (!isJsonObject(work) || typeof work.kind !== 'string') return null
  const number = (value: Json | undefined) => (typeof value === 'number' ? value : null)
  return {
    kind: work.kind,
    phase: text(work.phase),
    bytesDone: number(work.bytes_done),
    bytesTotal: number(work.bytes_total),
    source: text(work.source),
  }
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
