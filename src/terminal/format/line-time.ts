// Times as people read them at the start of a line: local, without a zone, as patronictl prints them.

import type { WallMillis } from '../../model/units.ts'

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
