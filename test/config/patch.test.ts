// The merge of a PATCH and the equality of texts, rule by rule (spec/interfaces.md 1.7, 1.12).

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/model/cluster/cluster.ts'
import { deepEqualText, JSON_DEPTH_MAX, patchDocument, tooDeep } from '../../src/model/settings/patch.ts'

test.each<[rule: string, existing: Json, patch: Json, expected: Json]>([
  ['null deletes', { a: 1, b: 2 }, { a: null }, { b: 2 }],
  ['null for an absent key is no error', { b: 2 }, { a: null }, { b: 2 }],
  ['null deletes an object', { a: { b: 1 } }, { a: null }, {}],
  ['objects are merged', { a: { b: 1, c: 2 } }, { a: { c: 3, d: 4 } }, { a: { b: 1, c: 3, d: 4 } }],
  ['an object replaces a scalar', { a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
  ['an object replaces a null', { a: null }, { a: { b: null } }, { a: { b: null } }],
  ['a scalar replaces an object', { a: { b: 1 } }, { a: 5 }, { a: 5 }],
  ['a list replaces a list', { a: [1, 2] }, { a: [3] }, { a: [3] }],
  ['equal texts keep the old type', { a: 5 }, { a: '5' }, { a: 5 }],
  ['the text of true is True', { a: true }, { a: 'true' }, { a: 'true' }],
  ['so "True" changes nothing', { a: true }, { a: 'True' }, { a: true }],
  ['a new subtree keeps its nulls', {}, { slots: { a: null } }, { slots: { a: null } }],
  ['a known subtree loses them', { slots: { a: {} } }, { slots: { a: null } }, { slots: {} }],
  ['empty objects stay', { a: { b: 1 } }, { a: { b: null } }, { a: {} }],
  [
    '__proto__ is a key like any other',
    JSON.parse('{"a":1}'),
    JSON.parse('{"__proto__":{"x":1}}'),
    JSON.parse('{"a":1,"__proto__":{"x":1}}'),
  ],
])('%s', (_rule, existing, patch, expected) => {
  const merged = patchDocument(existing, patch)
  expect(JSON.stringify(merged)).toBe(JSON.stringify(expected))
})

test('when nothing changes the same object comes back', () => {
  const existing: Json = { a: { b: 5 }, c: [1] }
  expect(patchDocument(existing, { a: { b: '5' }, c: [1], d: null })).toBe(existing)
})

test('the prototype of objects is out of reach', () => {
  patchDocument({}, JSON.parse('{"__proto__":{"polluted":true}}'))
  expect('polluted' in {}).toBe(false)
})

const json = fc.jsonValue({ maxDepth: 4 }).map(value => value as Json)

test('a patch is merged once: merging it again changes nothing', () => {
  fc.assert(
    fc.property(json, json, (existing, patch) => {
      const once = patchDocument(existing, patch)
      // Nulls inside a new subtree are kept by the first merge and delete in the second.
      fc.pre(!JSON.stringify(patch).includes('null'))
      expect(deepEqualText(patchDocument(once, patch), once)).toBe(true)
    }),
  )
})

describe('equal by text', () => {
  test.each<[Json, Json, boolean]>([
    [{ a: 1, b: { c: '2' } }, { b: { c: 2 }, a: '1' }, true],
    [{ a: 1 }, { a: 1, b: null }, false],
    [{ a: 1 }, { b: 1 }, false],
    [true, 'true', false],
    [true, 'True', true],
    [[1], [1], true],
    [[1], ['1'], false],
    [{}, [], false],
    [null, {}, false],
    [{ constructor: 1 }, { x: 1 }, false],
  ])('%j and %j: %j', (a, b, expected) => {
    expect(deepEqualText(a, b)).toBe(expected)
  })
})

test('depth is measured without recursion', () => {
  const nested = (levels: number): Json => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as Json
  expect(tooDeep(nested(JSON_DEPTH_MAX))).toBe(false)
  expect(tooDeep(nested(JSON_DEPTH_MAX + 2))).toBe(true)
  expect(tooDeep(nested(100_000))).toBe(true)
})
