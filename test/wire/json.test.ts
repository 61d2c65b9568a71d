// The dialects of JSON: Python's, for the REST API and for patronictl's `-f json`; exact, for etcd and `--json`.

import { expect, test } from 'vitest'
import { formatListing } from '../../src/terminal/table/listing.ts'
import { parseExact, stringifyExact } from '../../src/wire/exact-json.ts'
import { encodeJson } from '../../src/wire/python-json.ts'

test('JSON as Python prints it', () => {
  const value = { a: [1, 2n ** 62n, null, true], 'é"\n\u007f😀': { b: undefined, c: {} }, d: [] }
  const text = encodeJson(value)
  expect(text).toBe(
    '{"a": [1, 4611686018427387904, null, true], "\\u00e9\\"\\n\\u007f\\ud83d\\ude00": {"c": {}}, "d": []}',
  )
  expect(JSON.parse(text)).toHaveProperty('d', [])
})

test('patronictl prints it in the same way', () => {
  const rows = [['é"\n\u007f😀', 1]]
  const columns = ['Member', 'TL'].map(title => ({ title, align: 'left' as const }))
  expect(formatListing({ title: null, columns, rows, omitEmpty: false }, 'json')).toBe(
    '[{"Member": "\\u00e9\\"\\n\\u007f\\ud83d\\ude00", "TL": 1}]\n',
  )
})

test('positions beyond what a double can hold keep all their digits', () => {
  const value = { bytes: 9007199254740993n, gone: undefined, none: [], nothing: {}, text: 'ä"' }
  const text = stringifyExact(value, 2)
  expect(text).toBe('{\n  "bytes": 9007199254740993,\n  "none": [],\n  "nothing": {},\n  "text": "ä\\""\n}')
  expect(parseExact(text)).toEqual({ bytes: 9007199254740993n, none: [], nothing: {}, text: 'ä"' })
})
