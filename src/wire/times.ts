// The one parser of times on the wire: PostgreSQL's timestamps, and the times in etcd's keys and in request bodies. It
// takes ISO 8601, also with blanks and without separators, as dateutil does, which Patroni uses. What dateutil takes
// beyond that is for people, and is parsed in the terminal.

import type { WallMillis } from '../model/units.ts'

const STAMP =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ]*(\d\d|(?<=[T ])\d)(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?$/i

interface Stamp {
  /** `2026-11-22`, `11:26:35`, up to six digits or '' (never only zeros), `+00:00` or null. */
  readonly date: string
  readonly time: string
  readonly fraction: string
  readonly offset: string | null
  /** Epoch milliseconds with fraction; without an offset as if in UTC. */
  readonly epochMs: WallMillis
}

/** Does the text have the form of a time, even if there is no such day or hour? */
export function isStamp(text: string): boolean {
  return STAMP.test(text.trim())
}

/** null: not of the form, or a day or an hour that does not exist. */
export function parseStamp(text: string): Stamp | null {
  const match = STAMP.exec(text.trim())
  if (match === null) return null
  const [, year, month, day, hour = '0', minute = '00', second = '00', digits = '', zone] = match
  const date = `${year}-${month}-${day}`
  const time = `${hour.padStart(2, '0')}:${minute}:${second}`
  const micros = digits.padEnd(6, '0').slice(0, 6)
  const utcMs = Date.parse(`${date}T${time}Z`)
  // Date.parse rolls 31 February over into March: what comes back must be what went in.
  if (Number.isNaN(utcMs) || new Date(utcMs).toISOString().slice(0, 10) !== date) return null
  const offset = zone === undefined ? null : normalOffset(zone)
  const epochMs = utcMs + Number(micros) / 1000 - offsetMs(offset)
  return { date, time, fraction: micros === '000000' ? '' : `.${micros}`, offset, epochMs }
}

/** null: no time, or one without its zone, which is not guessed. */
export function parseInstant(text: string | null): WallMillis | null {
  const stamp = text === null ? null : parseStamp(text)
  return stamp === null || stamp.offset === null ? null : Math.floor(stamp.epochMs)
}

function normalOffset(zone: string): string {
  if (!/^[+-]/.test(zone)) return '+00:00'
  const digits = zone.slice(1).replaceAll(':', '').padEnd(4, '0')
  return `${zone.slice(0, 1)}${digits.slice(0, 2)}:${digits.slice(2, 4)}`
}

function offsetMs(offset: string | null): number {
  if (offset === null) return 0
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6))
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000
}

/** PostgreSQL's timestamp in the document's form `2026-11-22 11:26:35.031618+00:00`; unreadable text stays as it is. */
export function documentStamp(text: string): string {
  const stamp = parseStamp(text)
  return stamp === null ? text : `${stamp.date} ${stamp.time}${stamp.fraction}${stamp.offset ?? '+00:00'}`
}

/** Epoch seconds with fraction, for /metrics; 0 when there is no time or it is unreadable. */
export function epochSeconds(text: string | null): number {
  if (text === null) return 0
  const stamp = parseStamp(text)
  return stamp === null ? 0 : Math.round(stamp.epochMs * 1000) / 1_000_000
}

type Schedule =
  | { readonly ok: true; readonly text: string; readonly wallMs: WallMillis }
  | { readonly ok: false; readonly status: 400 | 422; readonly why: string }

/** Reads `scheduled_at` of `action`; the texts are those that patronictl's users know. */
export function parseSchedule(
  value: unknown,
  action: 'switchover' | 'failover' | 'restart',
  nowWallMs: WallMillis,
): Schedule {
  const stamp = typeof value === 'string' ? parseStamp(value) : null
  if (stamp === null) {
    const why = 'Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601'
    return { ok: false, status: 422, why }
  }
  if (stamp.offset === null) {
    return { ok: false, status: 400, why: `Timezone information is mandatory for the scheduled ${action}` }
  }
  if (stamp.epochMs < nowWallMs) {
    return { ok: false, status: 422, why: `Cannot schedule ${action} in the past` }
  }
  const text = `${stamp.date}T${stamp.time}${stamp.fraction}${stamp.offset}`
  return { ok: true, text, wallMs: Math.floor(stamp.epochMs) }
}
