// Versions of PostgreSQL: `hactl restart --pg-version` and POST /restart take the same ones, as Patroni counts them.

import { expect, test } from 'vitest'
import { readServerVersion, serverVersionText } from '../../src/model/server/server-version.ts'

test.each([
  ['15.4', 150004],
  ['10.0', 100000],
  ['9.6.24', 90624],
])('%s is %i', (text, number) => {
  expect(readServerVersion(text)).toEqual({ ok: true, number })
  expect(serverVersionText(number)).toBe(text)
})

test.each(['', '9', '15', '9.6', '15.4.2.1', '15.x', 'a.b', '15.', '15.123456'])('%s is none', text =>
  expect(readServerVersion(text).ok).toBe(false),
)
