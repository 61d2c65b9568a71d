// synchronous_standby_names, read and written: every form that PostgreSQL knows, names that need quotes, and what comes back
// after it was written.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatSyncNames, NOBODY, parseSyncNames } from '../../src/wire/sync-names.ts'

test.each([
  ['', 'off 0 '],
  ['pg2', 'priority 1 pg2'],
  ['pg2, pg3', 'priority 1 pg2|pg3'],
  ['"pg-2"', 'priority 1 pg-2'],
  ['2 (pg2,pg3)', 'priority 2 pg2|pg3'],
  ['FIRST 2 (pg2, "any")', 'priority 2 pg2|any'],
  ['any 1 (a,b,c)', 'quorum 1 a|b|c'],
  ['ANY 2 ("we""ird",*)', 'quorum 2 we"ird|* anybody'],
  ['*', 'priority 1 * anybody'],
  [NOBODY, 'priority 1 '],
  [`ANY 1 (${NOBODY})`, 'quorum 1 '],
  // 8.F11 and what PostgreSQL refuses.
  ['pg-2', 'off 0 '],
  ['2 pg2', 'off 0 '],
  ['ANY 1 pg2', 'off 0 '],
  ['a,', 'off 0 '],
  ['a b', 'off 0 '],
  ['ANY 1 (a;b)', 'off 0 '],
])('%s', (text, expected) => {
  const { kind, count, names, anybody } = parseSyncNames(text)
  expect(`${kind} ${count} ${names.join('|')}${anybody ? ' anybody' : ''}`).toBe(expected)
})

test.each([
  ['priority', 0, [], null],
  ['priority', 1, [], NOBODY],
  ['quorum', 1, [], `ANY 1 (${NOBODY})`],
  ['priority', 1, ['pg2'], 'pg2'],
  ['priority', 2, ['pg3', 'pg2'], '2 (pg2,pg3)'],
  ['quorum', 1, ['pg2'], 'ANY 1 (pg2)'],
  ['quorum', 2, ['n3', 'pg-2', 'any'], 'ANY 2 ("any",n3,"pg-2")'],
] as const)('%s %i %j', (kind, count, names, expected) => {
  expect(formatSyncNames(kind, count, names)).toBe(expected)
})

test('what was written is read back', () => {
  const name = fc.string({ minLength: 1, maxLength: 12 }).filter(text => !/^\s|\s$|\0|^\*$/.test(text))
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
      fc.constantFrom('priority', 'quorum'),
      (names, kind) => {
        const text = formatSyncNames(kind, names.length, names) ?? ''
        expect(parseSyncNames(text)).toEqual({
          ...{ kind, count: names.length, anybody: false },
          names: names.toSorted(),
        })
      },
    ),
  )
})
