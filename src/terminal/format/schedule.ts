// `--scheduled`: ISO 8601 in all its forms, and dates as people and patronictl's runbooks write them (docs/adr/0016).
// Nothing is guessed: a text that two people would read differently is refused, and any reading that is not plain is
// shown before anything is requested.

import type { WallMillis } from '../../model/units.ts'
import { isStamp, parseStamp } from '../../wire/times.ts'
import { isoWithZone } from './line-time.ts'

interface Schedule {
  /** With its zone: `2030-01-01T03:00:00+01:00`. */
  readonly text: string
  readonly wallMs: WallMillis
}

type ParsedSchedule =
  /** `said`: how the text was read, if that is not plain; to be shown before anything is requested. */
  | { readonly ok: true; readonly schedule: Schedule | null; readonly said: string | null }
  | { readonly ok: false; readonly why: string }

const NO_MONTH = /^\d{4}\D(?:1[3-9]|[2-9]\d)\b/
const LENGTH_MAX = 100

/** `now` and an empty text mean at once (null). Without a zone the local one counts, without a time midnight. */
export async function parseSchedule(text: string, nowMs: WallMillis): Promise<ParsedSchedule> {
  const trimmed = text.trim().replaceAll(/\s+/g, ' ')
  if (trimmed === '' || trimmed.toLowerCase() === 'now') return { ok: true, schedule: null, said: null }
  const read = await readMoment(trimmed, nowMs)
  if (read === null) {
    return {
      ok: false,
      why: `unable to parse scheduled timestamp (${text}). It should be in an unambiguous format (e.g. ISO 8601)`,
    }
  }
  if (typeof read === 'string') return { ok: false, why: `${read} in the scheduled timestamp (${text})` }
  const { wallMs, isLocal } = read
  if (isLocal && comesTwice(wallMs))
    return { ok: false, why: `at the change of the clocks that time comes twice (${text}): give the zone` }
  const schedule = { text: isoWithZone(wallMs), wallMs }
  return { ok: true, schedule, said: read.isPlain ? null : `understood "${trimmed}" as ${schedule.text}` }
}

async function readMoment(text: string, nowMs: WallMillis): Promise<Moment | string | null> {
  if (text.length > LENGTH_MAX) return null
  // A day that does not exist is a typing error, not another day.
  return isStamp(text) || NO_MONTH.test(text) ? iso(text) : written(text, nowMs)
}

interface Moment {
  readonly wallMs: WallMillis
  readonly isLocal: boolean
  /** Plain to its author: nothing has to be shown. */
  readonly isPlain: boolean
}

/** null: there is no such time. Seconds are what a schedule is kept in. */
function iso(text: string): Moment | null {
  const stamp = parseStamp(text)
  if (stamp === null) return null
  if (stamp.offset !== null) return { wallMs: wholeSeconds(stamp.epochMs), isLocal: false, isPlain: true }
  const local = `${stamp.date}T${stamp.time}`
  const wallMs = Date.parse(local)
  // An hour that the change of the clocks leaves out becomes another one.
  return isoWithZone(wallMs).startsWith(local) ? { wallMs, isLocal: true, isPlain: true } : null
}

function wholeSeconds(ms: number): WallMillis {
  return Math.floor(ms / 1000) * 1000
}

/** Names of zones that mean several places in the world, hours apart. */
const ZONES_OF_SEVERAL = /\b(CST|IST|BST|AST|SST|GST|AMT|ECT|ACT|WST)\b/i
const NUMBERS = /(?:^|[^\d:])(\d{1,2})([/.-])(\d{1,2})(?:\2(\d{4}|\d{2}))?(?![\d:])/

/** The time as chrono reads it; a text: why it is ambiguous. */
async function written(text: string, nowMs: WallMillis): Promise<Moment | string | null> {
  const zone = ZONES_OF_SEVERAL.exec(text)?.[1]
  if (zone !== undefined) return `there is more than one time zone ${zone}`
  if (couldBeTwoDays(text)) return 'day and month cannot be told apart'
  const { casual } = await import('./date-package.ts')
  const [found, ...others] = casual.parse(text, new Date(nowMs), { forwardDate: true })
  // Every word must be understood.
  if (found === undefined || others.length > 0 || found.text !== text || found.end != null) return null
  const { start } = found
  const isLocal = !start.isCertain('timezoneOffset')
  if (start.isCertain('hour')) return { wallMs: start.date().getTime(), isLocal, isPlain: false }
  // A full date means its midnight, as for patronictl; "tomorrow" alone is not a time.
  const isDay = /\d{4}/.test(text) && start.isCertain('day') && isLocal
  if (!isDay) return 'a time of day is missing'
  const midnight = new Date(start.get('year') ?? 0, (start.get('month') ?? 1) - 1, start.get('day') ?? 1)
  return { wallMs: midnight.getTime(), isLocal, isPlain: false }
}

/** `01/02/2030`, and whatever has a year of two digits. */
function couldBeTwoDays(text: string): boolean {
  const match = NUMBERS.exec(text)
  if (match === null) return false
  const [, first, , second, year] = match
  if (year?.length === 2) return true
  return Number(first) <= 12 && Number(second) <= 12 && Number(first) !== Number(second)
}

function comesTwice(wallMs: WallMillis): boolean {
  const clock = (ms: WallMillis): string => isoWithZone(ms).slice(0, 19)
  return [-3_600_000, 3_600_000].some(hour => clock(wallMs + hour) === clock(wallMs))
}

/** As parseSchedule, but a time in the past is refused before anything is requested. */
export async function parseFutureSchedule(text: string, nowMs: WallMillis): Promise<ParsedSchedule> {
  const parsed = await parseSchedule(text, nowMs)
  if (!parsed.ok || parsed.schedule === null || parsed.schedule.wallMs >= nowMs) return parsed
  return { ok: false, why: `cannot schedule in the past (${parsed.schedule.text})` }
}

/** The objection to an answer typed at a prompt; null: none. */
export function objectionToTime(nowMs: WallMillis): (answer: string) => Promise<string | null> {
  return async answer => {
    const read = await parseFutureSchedule(answer, nowMs)
    return read.ok ? null : read.why
  }
}
