// Times as people read them at the start of a line: local, without a zone, as patronictl prints them.

import type { WallMillis } from '../model/units.ts'

/** `2026-11-22 11:35:16`, and with `fraction` five digits more. */
export function localTime(wallMs: WallMillis, fraction: 'none' | 'five digits' = 'none'): string {
  const at = new Date(wallMs)
  const two = (number: number) => String(number).padStart(2, '0')
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return fraction === 'none'
    ? `${date} ${time}`
    : `${date} ${time}.${String(at.getMilliseconds()).padStart(3, '0')}00`
}

/** An ISO time with the zone of this machine: `2026-11-22T12:35:00+01:00`. */
export function isoWithZone(wallMs: WallMillis): string {
  const at = new Date(wallMs)
  const minutes = -at.getTimezoneOffset()
  const two = (number: number) => String(Math.trunc(number)).padStart(2, '0')
  const zone = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`
  return `${localTime(wallMs).replace(' ', 'T')}${zone}`
}

export type ParsedSchedule =
  | { readonly ok: true; readonly schedule: { readonly text: string; readonly wallMs: WallMillis } | null }
  | { readonly ok: false; readonly why: string }

const DATE_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:\.\d{1,9})?\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?$/i

/** `now` and an empty text mean at once (null). Without a zone the local one counts. */
export function parseSchedule(text: string, nowMs: WallMillis): ParsedSchedule {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.toLowerCase() === 'now') return { ok: true, schedule: null }
  const match = DATE_TIME.exec(trimmed)
  const wallMs = match === null ? Number.NaN : Date.parse(isoText(match))
  if (Number.isNaN(wallMs)) {
    return {
      ok: false,
      why: `unable to parse scheduled timestamp (${text}), it should be in an unambiguous format (e.g. ISO 8601)`,
    }
  }
  if (wallMs < nowMs) return { ok: false, why: `cannot schedule in the past (${isoWithZone(wallMs)})` }
  return { ok: true, schedule: { text: isoWithZone(wallMs), wallMs } }
}

function isoText(match: RegExpExecArray): string {
  const [, date, minutes, seconds = ':00', zone = ''] = match
  const colon = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')
  return `${date}T${minutes}${seconds}${colon.toUpperCase()}`
}
