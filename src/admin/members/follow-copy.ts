// Follows a new copy of a member's data to its end: the copied bytes, then replay, until the member streams. hactl's
// agents report their work; a member that runs Patroni shows only its state.

import { type BootMillis, bytesText, type Lsn, type MemberName, type Millis } from '../../model/units.ts'
import { stringifyExact } from '../../wire/exact-json.ts'
import type { Operator } from '../use-case.ts'
import type { OperationRow } from './member-operation.ts'
import { isInService, lookAt, type MemberStatus, type MemberWork, stateText } from './member-status.ts'
import type { BegunCopy } from './reinit.ts'

export interface CopyProgress {
  readonly member: MemberName
  /** For people, e.g. `creating replica`. */
  readonly state: string
  readonly work: MemberWork | null
  /** Bytes per second since the first look that saw any; null: not known. */
  readonly bytesPerSecond: number | null
  readonly replayed: Lsn | null
}

interface CopyFollowing {
  readonly interrupted: AbortSignal
  /** null: as long as something moves. */
  readonly timeoutMs: Millis | null
  readonly say: (progress: CopyProgress) => void
}

const LOOK_EVERY_MS: Millis = 1000
const SILENT_MS: Millis = 30_000
/** How long an accepted request may take until the copy is seen to begin. */
const BEGIN_MS: Millis = 30_000
/** How long nothing may move: no byte, no position, no state. */
const STALL_MS: Millis = 600_000
/** A member that runs Patroni shows nothing that moves while it copies. */
const BLIND_MS: Millis = 24 * 3_600_000
/** An agent may try again by itself, so a failure counts only when it lasts this long. */
const FAILED_MS: Millis = 5000
const FAILURES = [
  'start failed',
  'crashed',
  'stop failed',
  'initdb failed',
  'restart failed',
  'custom bootstrap failed',
]

interface Watch {
  answeredAtMs: BootMillis
  movedAtMs: BootMillis
  moving: string
  failedSinceMs: BootMillis | null
  begun: boolean
  first: { readonly atMs: BootMillis; readonly bytes: number } | null
  copied: MemberWork | null
}

export async function followCopy(
  operator: Operator,
  copy: BegunCopy,
  following: CopyFollowing,
): Promise<OperationRow> {
  const { clock } = operator
  const startMs = copy.atMs
  const watch: Watch = {
    ...{ answeredAtMs: startMs, movedAtMs: startMs, moving: '', failedSinceMs: null },
    ...{ begun: false, first: null, copied: null },
  }
  for (;;) {
    const look = await lookAt(operator, copy.member)
    const nowMs = clock.bootMs()
    if (look.known) note(watch, look.value, copy.before, nowMs)
    const row = look.known
      ? (finished(copy, watch, look.value, nowMs) ?? overdue(copy, watch, look.value, nowMs, following))
      : silent(copy, watch, look.why, nowMs, following)
    if (row !== null) return row
    if (look.known) following.say(progressOf(copy, watch, look.value, nowMs))
    await clock.sleep(LOOK_EVERY_MS, following.interrupted)
  }
}

function note(watch: Watch, status: MemberStatus, before: MemberStatus, nowMs: BootMillis): void {
  const { work } = status
  watch.answeredAtMs = nowMs
  if (work?.bytesDone != null) {
    watch.first ??= { atMs: nowMs, bytes: work.bytesDone }
    watch.copied = work
  }
  watch.begun ||=
    work?.kind === 'clone' || status.state !== 'running' || status.startedAt !== before.startedAt
  const moving = stringifyExact([status.state, work, status.replayed, status.received])
  if (moving !== watch.moving) watch.movedAtMs = nowMs
  watch.moving = moving
  const isFailed = FAILURES.includes(status.state) && work === null
  watch.failedSinceMs = isFailed ? (watch.failedSinceMs ?? nowMs) : null
}

function finished(
  copy: BegunCopy,
  watch: Watch,
  status: MemberStatus,
  nowMs: BootMillis,
): OperationRow | null {
  const member = copy.member.name
  const isNew = status.startedAt !== null && status.startedAt !== copy.before.startedAt
  if (isNew && isInService(status)) {
    const seconds = ((nowMs - copy.atMs) / 1000).toFixed(1)
    const { copied } = watch
    const from = copied?.source == null ? '' : ` from ${copied.source}`
    const bytes = copied?.bytesDone == null ? '' : `, ${bytesText(copied.bytesDone)} copied${from}`
    return { member, outcome: 'done', why: `streaming after ${seconds} s${bytes}` }
  }
  if (watch.failedSinceMs !== null && nowMs - watch.failedSinceMs >= FAILED_MS)
    return { member, outcome: 'failed', why: stateText(status) }
  return null
}

function overdue(
  copy: BegunCopy,
  watch: Watch,
  status: MemberStatus,
  nowMs: BootMillis,
  { interrupted, timeoutMs }: CopyFollowing,
): OperationRow | null {
  const member = copy.member.name
  const state = stateText(status)
  const tookMs = nowMs - copy.atMs
  if (interrupted.aborted)
    return { member, outcome: 'timed-out', why: `interrupted; it goes on: ${state}`, interrupted: true }
  if (timeoutMs !== null && tookMs >= timeoutMs)
    return { member, outcome: 'timed-out', why: `not within ${timeoutMs / 1000} s, it goes on: ${state}` }
  if (!watch.begun && tookMs >= BEGIN_MS) {
    const why = `it took the request, but nothing came of it within ${BEGIN_MS / 1000} s: ${state}`
    return { member, outcome: 'failed', why }
  }
  const patience = status.state === 'creating replica' && !status.isHactl ? BLIND_MS : STALL_MS
  if (nowMs - watch.movedAtMs >= patience)
    return { member, outcome: 'timed-out', why: `nothing moved for ${patience / 1000} s: ${state}` }
  return null
}

function silent(
  copy: BegunCopy,
  watch: Watch,
  why: string,
  nowMs: BootMillis,
  { interrupted, timeoutMs }: CopyFollowing,
): OperationRow | null {
  const isLate = timeoutMs !== null && nowMs - copy.atMs >= timeoutMs
  if (!isLate && !interrupted.aborted && nowMs - watch.answeredAtMs < SILENT_MS) return null
  const text = `its agent fell silent (${why}); what becomes of the copy is not known`
  return { member: copy.member.name, outcome: 'timed-out', why: text }
}

function progressOf(copy: BegunCopy, watch: Watch, status: MemberStatus, nowMs: BootMillis): CopyProgress {
  const { work } = status
  const { first } = watch
  const seconds = first === null ? 0 : (nowMs - first.atMs) / 1000
  const rate =
    first === null || work?.bytesDone == null || seconds <= 0
      ? null
      : (work.bytesDone - first.bytes) / seconds
  return {
    member: copy.member.name,
    state: stateText(status),
    work,
    bytesPerSecond: rate,
    replayed: status.replayed,
  }
}
