// The arithmetic of the watchdog: its timeout, its slack, and the order in which agent, fencer and device act.

import { describe, expect, test } from 'vitest'
import { defaultSettings } from '../../src/config/dynamic.ts'
import { demoteMarginMs, fenceMarginMs } from '../../src/model/timing.ts'
import { impossible, slackS, unfit, type WatchdogRequest, watchdogRequest } from '../../src/model/watchdog.ts'

function requestFor(
  ttl: number,
  marginS: number,
  more: { loop?: number; retry?: number; mode?: 'automatic' | 'required' } = {},
): WatchdogRequest {
  const { loop = 10, retry = 10, mode = 'automatic' } = more
  const settings = {
    ...defaultSettings(),
    ttlMs: ttl * 1000,
    loopWaitMs: loop * 1000,
    retryTimeoutMs: retry * 1000,
  }
  const section = {
    ...{ mode, device: '/dev/watchdog', driver: 'default' as const },
    safetyMarginMs: marginS * 1000,
  }
  const request = watchdogRequest(section, settings)
  if (request === null) throw new Error('the mode is not off')
  return request
}

describe('timeout and slack', () => {
  test.each([
    // ttl, safety_margin, timeout, slack: the first two are Patroni's own examples.
    [21, 5, 16, 6],
    [20, 5, 15, 5],
    [30, 5, 25, 15],
    [30, -1, 15, 5],
    [21, -1, 10, 0],
    // A renewal may take 3 s until the fencer hears of it: the lease would end first.
    [30, 0, 27, 17],
    [30, 2, 27, 17],
    [30, 3, 27, 17],
    [30, 40, 0, -10],
  ])('ttl %i, safety_margin %i: %i s, slack %i s', (ttl, marginS, timeoutS, slack) => {
    const request = requestFor(ttl, marginS)
    expect([request.timeoutS, slackS(request.timeoutS, request)]).toEqual([timeoutS, slack])
  })

  test('no watchdog where it would reset a healthy machine, 8.W8', () => {
    expect(impossible(requestFor(18, -1))).toBe(
      'Watchdog not supported because leader TTL 18 is less than 2x loop_wait 10',
    )
    expect(impossible(requestFor(5, 5, { loop: 1, retry: 2 }))).toBe(
      'Watchdog not supported because leader TTL 5 less safety_margin leaves a timeout of 0 seconds, with a loop_wait of 1',
    )
    expect(impossible(requestFor(20, -1))).toBeNull()
    // A second is too short to stop PostgreSQL in before the device fires.
    expect(impossible(requestFor(3, -1, { loop: 1, retry: 1 }))).toContain('a timeout of 1 seconds')
    expect(impossible(requestFor(5, -1, { loop: 1, retry: 2 }))).toBeNull()
  })

  test('a device that takes another timeout', () => {
    expect(unfit(25, requestFor(30, 5))).toBeNull()
    expect(unfit(60, requestFor(30, 5))).toBeNull()
    expect(unfit(60, requestFor(30, 5, { mode: 'required' }))).toBe(
      '/dev/watchdog takes a timeout of 60 seconds and not the 25 that are safe',
    )
    expect(unfit(9, requestFor(30, 5))).toContain('it would reset a healthy machine')
  })
})

test.each([
  [30, -1],
  [30, 5],
  [30, 0],
  [20, 5],
  [20, -1],
  [10, -1],
  [8, 5],
  [5, -1],
])(
  'ttl %i, safety_margin %i: the agent, then the fencer, then the device, then the lease',
  (ttl, marginS) => {
    const request = requestFor(ttl, marginS, { loop: 1, retry: 2 })
    expect(impossible(request)).toBeNull()
    const term = { ttlMs: ttl * 1000, resetAfterMs: request.timeoutS * 1000 }
    const agentMs = term.ttlMs - demoteMarginMs(term)
    const fencerMs = term.ttlMs - fenceMarginMs(term)
    // PostgreSQL is stopped fast and then immediately, and the fencer's SIGQUIT is followed by SIGKILL after 0.2 s.
    expect(fencerMs - agentMs).toBeGreaterThanOrEqual(500)
    expect(term.resetAfterMs - fencerMs).toBeGreaterThanOrEqual(500)
    // What a renewal and the arming may take before the device is fed.
    expect(term.ttlMs - term.resetAfterMs).toBeGreaterThanOrEqual(Math.min(2500, ttl * 500))
    expect(agentMs).toBeGreaterThan(0)
  },
)

test('without a watchdog the margins are those of the lease', () => {
  expect([fenceMarginMs({ ttlMs: 30_000 }), demoteMarginMs({ ttlMs: 30_000 })]).toEqual([2000, 7000])
  // With the defaults the device leaves the agent as much time as it had.
  expect(demoteMarginMs({ ttlMs: 30_000, resetAfterMs: 25_000 })).toBe(7000)
})
