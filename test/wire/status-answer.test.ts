// What `GET /patroni` says: any version of Patroni may have written it.

import { expect, test } from 'vitest'
import { parseStatusAnswer } from '../../src/wire/status-answer.ts'

const SAID_NOTHING = {
  ...{
    state: null,
    role: null,
    replicationState: null,
    startedAt: null,
    serverVersion: null,
    timeline: null,
  },
  ...{ positions: null, senders: [], tags: {}, pendingRestart: false, pendingRestartReason: {} },
  ...{ watchdogFailed: false, paused: false, protocol: null, hactl: null },
}

test.each(['{}', '{"xlog": 5, "tags": [], "hactl": "x", "patroni": null, "role": 7, "timeline": 0}'])(
  '%s says nothing',
  body => expect(parseStatusAnswer(body)).toEqual(SAID_NOTHING),
)

test.each(['', '[]', 'null', '{"a": 1', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`])(
  '%s is no document',
  body => expect(parseStatusAnswer(body)).toBeNull(),
)

test('an old version says master and wal, and positions keep their digits', () => {
  const body = '{"role": "master", "wal": {"location": 9007199254740993}, "pause": 1, "watchdog_failed": "x"}'
  expect(parseStatusAnswer(body)).toEqual({
    ...SAID_NOTHING,
    ...{ role: 'primary', paused: true, watchdogFailed: true },
    positions: { written: 9007199254740993n, received: null, replayed: null },
  })
})
