// `--scheduled`: what is understood, in which zone, and what is refused because two people would read it differently. Where
// dateutil, which patronictl uses, takes a text, the same moment is meant.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseSchedule } from '../../src/terminal/format/schedule.ts'

const NOW = Date.parse('2026-11-29T23:00:00Z')
const before = process.env.TZ

beforeAll(() => {
  process.env.TZ = 'Europe/Berlin'
})
afterAll(() => {
  if (before === undefined) delete process.env.TZ
  else process.env.TZ = before
})

async function understood(text: string): Promise<string> {
  const parsed = await parseSchedule(text, NOW)
  return parsed.ok ? (parsed.schedule?.text ?? 'now') : `refused: ${parsed.why}`
}

test.each([
  ['2030-01-01 03:00', '2030-01-01T03:00:00+01:00'],
  ['2030-07-01T03:00', '2030-07-01T03:00:00+02:00'],
  ['2030-01-01T03:00+05:30', '2029-12-31T22:30:00+01:00'],
  ['2030-01-01T03:00 +01', '2030-01-01T03:00:00+01:00'],
  ['2030-01-01T12:35 UTC', '2030-01-01T13:35:00+01:00'],
  ['20300101T0300Z', '2030-01-01T04:00:00+01:00'],
  ['20300101T030000+0100', '2030-01-01T03:00:00+01:00'],
  ['203001010300', '2030-01-01T03:00:00+01:00'],
  ['2030-01-01 03:00:00.123456', '2030-01-01T03:00:00+01:00'],
  ['2030-01-01', '2030-01-01T00:00:00+01:00'],
  ['Jan 1 2030', '2030-01-01T00:00:00+01:00'],
  ['Jan 1 2030 3:00 AM CET', '2030-01-01T03:00:00+01:00'],
  ['Jan 1st, 2030 3pm', '2030-01-01T15:00:00+01:00'],
  ['1 January 2030 03:00 UTC', '2030-01-01T04:00:00+01:00'],
  ['Tue Jan 1 03:00:00 2030', '2030-01-01T03:00:00+01:00'],
  ['Tue, 01 Jan 2030 03:00:00 +0100', '2030-01-01T03:00:00+01:00'],
  ['2030/01/01 03:00', '2030-01-01T03:00:00+01:00'],
  ['13/02/2030 03:00', '2030-02-13T03:00:00+01:00'],
  // It is midnight in Berlin: the next three o'clock is today's.
  ['03:00', '2026-11-30T03:00:00+01:00'],
  ['tomorrow 3am', '2026-12-01T03:00:00+01:00'],
  ['Friday 22:00', '2026-12-04T22:00:00+01:00'],
  ['in 2 hours', '2026-11-30T02:00:00+01:00'],
  ['now', 'now'],
  ['', 'now'],
])('%s', async (text, moment) => {
  expect(await understood(text)).toBe(moment)
})

test.each([
  ['01/02/2030 03:00', /day and month/],
  ['01.02.2030 03:00', /day and month/],
  ['10-11-12 03:00', /day and month/],
  ['2030-02-30 03:00', /unable to parse/],
  ['2030-13-01 03:00', /unable to parse/],
  ['2030-13-01 3 PM', /unable to parse/],
  ['2030-01-01 25:00', /unable to parse/],
  ['2030-03-31 02:30', /unable to parse/],
  ['2030-10-27 02:30', /comes twice/],
  ['2030-01-01 03:00 IST', /more than one time zone IST/],
  ['2030-01-01 03:00 Europe/Berlin', /unable to parse/],
  ['2030-01-01 03:00 please', /unable to parse/],
  ['tomorrow', /time of day/],
  ['tonight', /time of day/],
  ['Jan 2030', /time of day/],
  ['5 to 7 pm', /unable to parse/],
  ['1893456000', /unable to parse/],
  ['soon', /unable to parse/],
  ['1'.repeat(5000), /unable to parse/],
])('%s is refused', async (text, why) => {
  expect(await understood(text)).toMatch(why)
})
