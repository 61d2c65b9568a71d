// Booleans, integers, units and rounding as PostgreSQL and Patroni read them (spec/interfaces.md 1.12, spec/postgres.md 2.12).

import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/model/cluster/cluster.ts'
import {
  parseBoolean,
  parseInteger,
  parseReal,
  pythonText,
  pythonTruth,
  roundHalfEven,
} from '../../src/model/settings/values.ts'

test.each<[Json, boolean | null]>([
  ['on', true],
  ['True', true],
  ['YES', true],
  ['1', true],
  [1, true],
  [true, true],
  ['off', false],
  ['False', false],
  ['no', false],
  [0, false],
  ['y', null],
  ['', null],
  [2, null],
  [null, null],
  [['on'], null],
])('boolean %j is %j', (value, expected) => {
  expect(parseBoolean(value)).toBe(expected)
})

test.each<[Json, string | null, number | null]>([
  ['5', null, 5],
  [' -5 ', null, -5],
  ['+5', null, 5],
  [5.5, null, 6],
  [4.5, null, 4],
  ['0x1F', null, 31],
  ['010', null, 8],
  ['08', null, null],
  ['1e3', null, 1000],
  ['.5', null, 0],
  ['5.', null, 5],
  ['16MB', null, null],
  ['16MB', 'kB', 16384],
  ['16 MB', 'kB', 16384],
  ['16mb', 'kB', null],
  ['1GB', '16kB', 65536],
  ['1GB', '16384kB', 64],
  ['4096.5kB', 'kB', 4096],
  ['4097.5kB', 'kB', 4098],
  ['1.5kB', 'B', 1536],
  ['30min', 's', 1800],
  ['1d', 'min', 1440],
  ['1h', 'ms', 3_600_000],
  ['500us', 'ms', 0],
  ['1501us', 'ms', 2],
  ['30min', 'kB', null],
  ['5kB', 'ms', null],
  ['', null, null],
  ['abc', null, null],
  [true, null, null],
  [null, null, null],
  [[1], null, null],
  ['99999999999999999999', null, null],
  ['Infinity', null, null],
])('integer %j in %j is %j', (value, unit, expected) => {
  expect(parseInteger(value, unit)).toBe(expected)
})

test.each<[string, string | null, number | null]>([
  ['0.5', null, 0.5],
  ['1.5s', 'ms', 1500],
  ['100us', 'ms', 0.1],
  ['x', null, null],
])('real %j in %j is %j', (value, unit, expected) => {
  expect(parseReal(value, unit)).toBe(expected)
})

test('half goes to the even neighbour, also below zero', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4, 2.6].map(roundHalfEven).map(value => value + 0)).toEqual([
    0, 2, 2, 0, -2, -2, 2, 3,
  ])
})

describe('as Python sees a value', () => {
  test.each<[Json, string]>([
    [true, 'True'],
    [null, 'None'],
    [5, '5'],
    ['5', '5'],
    [['a', 1, null], "['a', 1, None]"],
    [{ a: [true] }, "{'a': [True]}"],
  ])('the text of %j', (value, expected) => {
    expect(pythonText(value)).toBe(expected)
  })

  test.each<[Json, boolean]>([
    ['false', true],
    ['', false],
    [0, false],
    [[], false],
    [{}, false],
    [{ a: null }, true],
    [null, false],
  ])('the truth of %j', (value, expected) => {
    expect(pythonTruth(value)).toBe(expected)
  })
})
