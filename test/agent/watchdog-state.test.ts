// Whether the watchdog is on, as `GET /patroni` says it: the answer to "would this machine really be reset?".

import { expect, test } from 'vitest'
import { watchdogState } from '../../src/decide/report/watchdog-state.ts'
import { base, memory } from '../exhaustive/parts.ts'
import { type WatchdogPart, watchdogs } from '../exhaustive/watchdogs.ts'

function stateOf({ self, fencer, memory: remembered }: WatchdogPart) {
  const snap = { ...base, self, fencer: { ...base.fencer, ...fencer } }
  return watchdogState({ snap, memory: { ...memory, ...remembered } })
}

test('on with its timeout, off with the reason, and nothing where there is nothing to know', () => {
  const automatic = { mode: 'automatic', device: '/dev/watchdog' }
  const required = { mode: 'required', device: '/dev/watchdog' }
  expect(watchdogs.map(stateOf)).toEqual([
    // The mode is off.
    null,
    // A node that does not lead, and may do without.
    null,
    { ...automatic, active: false, why: '/dev/watchdog: Permission denied' },
    { ...automatic, active: true, timeout: 25 },
    { ...required, active: false },
    { ...required, active: true, timeout: 25 },
    { ...required, active: true, timeout: 10 },
    { ...required, active: false, why: 'no such file' },
    { ...required, active: false, why: 'it was not looked at within 500 ms' },
    { ...required, active: false },
    { ...required, active: false, why: '/dev/watchdog: Permission denied' },
  ])
})
