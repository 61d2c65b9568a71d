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

test('what is parsed in the quick way reads as in the slow one', () => {
  const texts = [
    '{"a":9007199254740991,"b":-9007199254740991,"c":1.5e3,"d":1e400,"e":-0}',
    '{"a":123456789012345,"b":1234567890123456,"c":9007199254740992,"d":[18446744073709551615]}',
    '{"t":"1234567890123456","a":0.1234567890123456789}',
  ]
  const bigintOf = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '')
      ? BigInt(source ?? '')
      : value
  const slowly = JSON.parse as (text: string, reviver: typeof bigintOf) => unknown
  for (const text of texts) expect(parseExact(text)).toEqual(slowly(text, bigintOf))
})

test('a key __proto__ never survives, however it is written', () => {
  for (const key of ['__proto__', '\\u005f_proto__', '_\\u005Fproto\\u005f_']) {
    const value = parseExact(`{"a":{"${key}":{"polluted":1}},"b":2}`)
    expect(JSON.stringify(value)).toBe('{"a":{},"b":2}')
  }
})
