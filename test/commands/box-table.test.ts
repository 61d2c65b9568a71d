// Boxes as patronictl draws them, where the tables of other tests do not reach: many rows, wide characters, no row.

import { expect, test } from 'vitest'
import { boxTable } from '../../src/terminal/table/box-table.ts'

const columns = [
  { title: 'n', align: 'right' },
  { title: 'text', align: 'left' },
] as const

test('many rows are one table, as wide as its widest row', () => {
  const rows = Array.from({ length: 250 }, (_, index) => [`${index}`, index === 180 ? 'the widest' : 'x'])
  const lines = boxTable({ title: null, columns, rows }).split('\n')
  expect(lines.slice(0, 4)).toEqual([
    '+-----+------------+',
    '|   n | text       |',
    '+-----+------------+',
    '|   0 | x          |',
  ])
  expect(lines.slice(4, -1).map(line => Number(line.slice(1, 6)))).toEqual(
    Array.from({ length: 249 }, (_, index) => index + 1),
  )
  expect(lines.at(-1)).toBe(lines[0])
})

test('as soon as one cell of many has two lines there is a rule between all rows', () => {
  const rows = Array.from({ length: 250 }, (_, index) => [`${index}`, index === 240 ? 'a\nb' : 'x'])
  const lines = boxTable({ title: null, columns, rows }).split('\n')
  expect(lines.filter(line => line === '+-----+------+')).toHaveLength(252)
  expect(lines).toHaveLength(252 + 1 + 251)
})

test('wide characters, and a title that is longer than the border', () => {
  const rows = [
    ['1', '日本'],
    ['2', 'ü'],
  ]
  expect(boxTable({ title: ' a title that is long', columns, rows }).split('\n')).toEqual([
    '+ a title t+',
    '| n | text |',
    '+---+------+',
    '| 1 | 日本 |',
    '| 2 | ü    |',
    '+---+------+',
  ])
})

test('without a row the head and the table are closed, as by patronictl', () => {
  expect(boxTable({ title: null, columns, rows: [] }).split('\n')).toEqual([
    '+---+------+',
    '| n | text |',
    '+---+------+',
    '+---+------+',
  ])
})
