// What a member says of itself when it is asked (GET /patroni), as far as an operation on it has to know. It may run Patroni
// of any version: what is not said is null.

import type { Json, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import type { Millis } from '../../model/units.ts'
import type { Operator } from '../operator.ts'
import { callMember } from './member-operation.ts'

export interface MemberStatus {
  readonly state: string
  readonly role: string
  readonly replicationState: string | null
  /** As PostgreSQL says it; another text is another postmaster. null: nothing runs that could say. */
  readonly startedAt: string | null
  readonly serverVersion: number | null
  readonly pendingRestart: boolean
  readonly pendingRestartReason: JsonObject
  /** Bytes that a standby has replayed, or where a primary is. */
  readonly replayed: number | null
  readonly received: number | null
  /** Only hactl's agents say what they are at. */
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

/** One look may not take the whole time that is left. */
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

/** It is in service: accepts connections, and a standby gets WAL from somebody. */
export function isInService(status: MemberStatus): boolean {
  return status.state === 'running' && (leads(status) || status.replicationState === 'streaming')
}

export function leads({ role }: MemberStatus): boolean {
  return role === 'primary' || role === 'master'
}

export function stateText({ state, replicationState, problem }: MemberStatus): string {
  const shown = state === 'running' ? (replicationState ?? state) : state
  return problem === null ? shown : `${shown}: ${problem}`
}

function readStatus(body: string): MemberStatus | null {
  const document = parse(body)
  if (document === null || typeof document.state !== 'string') return null
  const xlog = isJsonObject(document.xlog) ? document.xlog : {}
  const hactl = isJsonObject(document.hactl) ? document.hactl : null
  const number = (value: Json | undefined) => (typeof value === 'number' ? value : null)
  return {
    state: document.state,
    role: text(document.role) ?? '',
    replicationState: text(document.replication_state),
    startedAt: text(document.postmaster_start_time),
    serverVersion: number(document.server_version),
    pendingRestart: document.pending_restart === true,
    pendingRestartReason: isJsonObject(document.pending_restart_reason)
      ? document.pending_restart_reason
      : {},
    replayed: number(xlog.location) ?? number(xlog.replayed_location),
    received: number(xlog.location) ?? number(xlog.received_location),
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

function parse(body: string): JsonObject | null {
  try {
    const value = JSON.parse(body) as Json
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}
