// Names that somebody who typed a wrong one may have meant, and how they are put to him.

import { expect, test } from 'vitest'
import { eitherOf, nearestNames } from '../../src/model/command/nearest.ts'

test.each([
  [['pg1'], 'pg1'],
  [['pg1', 'pg2'], 'pg1 or pg2'],
  [['pg0', 'pg1', 'pg2'], 'pg0, pg1 or pg2'],
])('%j is %s', (names, text) => {
  expect(eitherOf(names)).toBe(text)
})

test('three at most, the nearest first', () => {
  expect(nearestNames('pg1', ['pg12', 'pg2', 'pg1x', 'db', 'pg3', 'pg4'])).toEqual(['pg12', 'pg1x', 'pg2'])
  expect(nearestNames('nowhere', ['pg1'])).toEqual([])
})

test('two neighbours the wrong way round are one slip', () => {
  expect(nearestNames('gp1', ['pg1', 'db'])).toEqual(['pg1'])
  expect(nearestNames('lsit', ['list', 'reload'])).toEqual(['list'])
})
