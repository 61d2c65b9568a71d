// The timing profiles: each fits together, and is in force as it is written.

import { expect, test } from 'vitest'
import { readDynamicSettings } from '../../src/config/dynamic.ts'
import {
  notHonouredByPatroni,
  profileOf,
  TIMING_PROFILE_NAMES,
  TIMING_PROFILES,
} from '../../src/model/settings/timing-profile.ts'
import { demoteMarginMs, fenceMarginMs } from '../../src/model/timing.ts'

test.each(TIMING_PROFILE_NAMES)('%s is in force as it is written, and is recognised', name => {
  const values = TIMING_PROFILES[name]
  const read = readDynamicSettings(values, null)
  expect(read).toMatchObject({
    ok: true,
    warnings: [],
    settings: {
      ttlMs: values.ttl * 1000,
      loopWaitMs: values.loop_wait * 1000,
      retryTimeoutMs: values.retry_timeout * 1000,
    },
  })
  expect(values.loop_wait + 2 * values.retry_timeout).toBeLessThanOrEqual(values.ttl)
  expect(profileOf({ ...values, pause: true })).toBe(name)
  expect(profileOf({ ...values, ttl: values.ttl + 1 })).toBe(null)
})

test('the defaults are no profile, whether they are written down or not', () => {
  expect(profileOf({})).toBe(null)
  expect(profileOf({ ttl: 30, loop_wait: 10, retry_timeout: 10 })).toBe(null)
})

test('what Patroni would not honour is named only if it changes', () => {
  expect(notHonouredByPatroni({}, TIMING_PROFILES.fast)).toEqual([
    'ttl=5 (Patroni uses 20)',
    'retry_timeout=2 (Patroni uses 3)',
  ])
  expect(notHonouredByPatroni(TIMING_PROFILES.fast, { ...TIMING_PROFILES.fast, pause: true })).toEqual([])
  for (const name of ['balanced', 'wide'] as const)
    expect(notHonouredByPatroni({}, TIMING_PROFILES[name])).toEqual([])
})

test.each([3, 4, 5, 20, 60])(
  'with ttl %d a renewal that fails once leaves time to stop in good order',
  ttl => {
    const term = { ttlMs: ttl * 1000 }
    const loopWaitMs = 1000
    // Two renewals at least fit in before the agent gives up, and the fencer comes after the agent.
    expect(term.ttlMs - demoteMarginMs(term)).toBeGreaterThanOrEqual(2 * loopWaitMs)
    expect(demoteMarginMs(term)).toBeGreaterThan(fenceMarginMs(term))
    expect(fenceMarginMs(term)).toBeGreaterThanOrEqual(500)
  },
)
