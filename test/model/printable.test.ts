// Whatever text comes in, what goes into a log line or a terminal has no control character but ours.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isPrintable,
  printable,
  printableData,
  printableJson,
  printableLines,
} from '../../src/model/command/printable.ts'

/** Written out, so that it is not the pattern that is tested. */
const DANGEROUS = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index),
  ...[0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069],
  ...[0x061c, 0x200e, 0x200f, 0xd800, 0xdbff, 0xdc00, 0xdfff],
]
const danger = fc.constantFrom(...DANGEROUS).map(code => String.fromCharCode(code))
const hostile = fc
  .array(fc.oneof(danger, fc.string({ unit: 'binary' }), fc.string()))
  .map(parts => parts.join(''))

function dangerousIn(text: string): readonly string[] {
  return [...text].filter(character => character.length === 1 && DANGEROUS.includes(character.charCodeAt(0)))
}

test('is one line without any of them, twice the same, and says which they were', () => {
  fc.assert(
    fc.property(hostile, text => {
      const shown = printable(text)
      expect(dangerousIn(shown)).toEqual([])
      expect(isPrintable(shown)).toBe(true)
      expect(printable(shown)).toBe(shown)
    }),
  )
  expect(printable('a\nb\tc\rd\u001b[31m\u007f\u009b\u202e\u2028\ud800')).toBe(
    'a\\nb\\tc\\rd\\x1b[31m\\x7f\\x9b\\u202e\\u2028\\ud800',
  )
})

test('leaves everything else as it is', () => {
  for (const text of ['', 'pg1', 'C:\\data', 'Ünïcödé 日本 🐘', 'a \\n b', 'it\'s 100 % "so"'])
    expect(printable(text)).toBe(text)
})

describe('several', () => {
  test('lines keep their ends', () => {
    expect(printableLines('a\u001b\nb\r\n')).toBe('a\\x1b\nb\\r\n')
  })
  test('texts in a report are each escaped, names of fields too', () => {
    const data = {
      a: ['x\n', { '\u001b': 1n }],
      b: null,
      c: new Map([['k\n', new Set(['\u202e'])]]),
      d: true,
    }
    expect(printableData(data)).toEqual({
      ...{ a: ['x\\n', { '\\x1b': 1n }], b: null, d: true },
      c: new Map([['k\\n', new Set(['\\u202e'])]]),
    })
  })
})

test('a JSON document means the same', () => {
  fc.assert(
    fc.property(fc.dictionary(hostile, hostile), document => {
      const shown = printableJson(JSON.stringify(document, null, 2))
      expect(dangerousIn(shown).filter(character => character !== '\n')).toEqual([])
      expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify(document)))
    }),
  )
})
