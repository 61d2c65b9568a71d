// Timestamps in and out: what PostgreSQL prints, what clients send for a schedule.

import { describe, expect, it } from 'vitest'
import { documentStamp, epochSeconds, parseSchedule } from '../../src/wire/times.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')

describe('schedules', () => {
  it.each([
    ['2030-01-01T10:00:00+00:00', '2030-01-01T10:00:00+00:00'],
    ['2030-01-01T10:00Z', '2030-01-01T10:00:00+00:00'],
    ['2030-01-01 10:00:00.25 +02', '2030-01-01T10:00:00.250000+02:00'],
    ['20300101T100000-0530', '2030-01-01T10:00:00-05:30'],
    ['  2030-01-01 9:05 UTC ', '2030-01-01T09:05:00+00:00'],
  ])('%s is stored as %s', (given, stored) => {
    expect(parseSchedule(given, 'switchover', NOW)).toEqual({
      ok: true,
      text: stored,
      wallMs: Date.parse(stored),
    })
  })

  it.each([
    ['2030-01-01T10:00', 400],
    ['2030-02-31T10:00Z', 422],
    ['2030-01-01T25:00Z', 422],
    ['tomorrow', 422],
    [12345, 422],
    [{ at: 1 }, 422],
    ['2026-11-22T13:59:59+02:00', 422],
  ])('%j is refused with %i', (given, status) => {
    expect(parseSchedule(given, 'switchover', NOW)).toMatchObject({ ok: false, status })
  })

  it('the offset decides what is past', () => {
    expect(parseSchedule('2026-11-22T14:00:01+02:00', 'switchover', NOW).ok).toBe(true)
  })
})

describe('timestamps of PostgreSQL', () => {
  it.each([
    ['2026-11-22 11:26:35.5+00', '2026-11-22 11:26:35.500000+00:00', 1795346795.5],
    ['2026-11-22 11:26:35+05:30', '2026-11-22 11:26:35+05:30', 1795326995],
    ['infinity', 'infinity', 0],
  ])('%s', (given, shown, epoch) => {
    expect([documentStamp(given), epochSeconds(given)]).toEqual([shown, epoch])
  })
})
