// YAML as PyYAML reads it, with the line of every key; and what hostile or careless YAML does (nothing).

import { describe, expect, test } from 'vitest'
import { parseYaml } from '../../src/config/sources/yaml.ts'
import type { Json } from '../../src/model/cluster/cluster.ts'
import { brief } from './sample.ts'

// Every right side was printed by PyYAML 6.0.3, except where a comment says why hactl differs.
test.each<[string, Json]>([
  ['on', true],
  ['Off', false],
  ['YES', true],
  ['oN', 'oN'],
  ['y', 'y'],
  ['n', 'n'],
  ['"on"', 'on'],
  ['~', null],
  ['', null],
  ['0777', 511],
  ['0o7', '0o7'],
  ['08', '08'],
  ['1_000', 1000],
  ['0x1F', 31],
  ['0b11', 3],
  ['+1', 1],
  ['1:30', 90],
  ['190:20:30', 685_230],
  ['1:30.5', 90.5],
  ['5432:5432', '5432:5432'],
  ['127.0.0.1:22', '127.0.0.1:22'],
  ['1e5', '1e5'],
  ['1.5e+3', 1500],
  ['1.5e3', '1.5e3'],
  ['.5', 0.5],
  ['1.', 1],
  ['=', '='],
  // Python has dates, infinities and integers of any length; JSON has not, so these stay as they are written.
  ['2001-12-14', '2001-12-14'],
  ['.inf', '.inf'],
  ['12345678901234567890', '12345678901234567890'],
  ['!!str 5', '5'],
  ['!!int "5"', 5],
  ['[a, {b: 1}]', ['a', { b: 1 }]],
])('%s', async (text, expected) => {
  const { value, errors } = await parseYaml(`key: ${text}\n`, 'x.yml')
  expect(errors).toEqual([])
  expect(value).toEqual({ key: expected })
})

test('keys stay text, also those that look like booleans and numbers', async () => {
  const { value } = await parseYaml('on: 1\n5: 2\ny: 3\n', 'x.yml')
  expect(value).toEqual({ on: 1, 5: 2, y: 3 })
})

test('merge keys: own keys win, the first of several mappings wins', async () => {
  const { value } = await parseYaml(
    'a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  x: 3\n  <<: [*a, *b]\n',
    'x.yml',
  )
  expect(value).toMatchObject({ c: { x: 3, y: 1, z: 2 } })
})

test('every key has its line', async () => {
  const { lines } = await parseYaml('a: 1\nb:\n  c: 2\n\n  d:\n    - e: 3\n', 'x.yml')
  expect(Object.fromEntries(lines)).toEqual({ a: 1, b: 2, 'b.c': 3, 'b.d': 5, 'b.d[0].e': 6 })
})

test('a key that stands twice: the last one counts, with a warning that names both lines', async () => {
  const { value, warnings } = await parseYaml('a:\n  b: 1\n  b: 2\n', 'x.yml')
  expect(value).toEqual({ a: { b: 2 } })
  expect(warnings.map(brief)).toEqual(['3: a.b: stands twice (first in line 2); the last one counts'])
})

describe('hostile or broken', () => {
  const levels = 'bcdefghijk'.split('')
  const bomb = levels.reduce(
    (text, name, index) =>
      `${text}${name}: &${name} [${Array(9)
        .fill(`*${levels[index - 1] ?? 'a'}`)
        .join(', ')}]\n`,
    'a: &a [x, x, x]\n',
  )
  const aliases = `a: &a x\nb: [${Array(200).fill('*a').join(', ')}]\n`

  test.each<[string, string, string]>([
    ['an anchor bomb', bomb, 'has more than 100 aliases'],
    ['many aliases', aliases, 'has more than 100 aliases'],
    ['an anchor inside itself', 'a: &a [*a]\n', 'is nested too deeply, repeats itself or is too large'],
    ['deep nesting', `a: ${'['.repeat(200)}${']'.repeat(200)}\n`, 'is nested too deeply'],
    [
      'nesting by indentation',
      Array.from({ length: 200 }, (_, depth) => `${' '.repeat(depth)}k:`).join('\n'),
      'is nested too deeply, repeats itself or is too large',
    ],
    ['deep nesting that never ends', `a: ${'['.repeat(20_000)}`, 'is nested too deeply'],
    ['a tab', 'a:\n\tb: 1\n', 'is not valid YAML: tabs are not allowed as indentation'],
    [
      'an open bracket',
      'a: [1\n',
      'is not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['two documents', 'a: 1\n---\nb: 2\n', 'has more than one YAML document'],
    [
      'an unknown alias',
      'a: *nothing\n',
      'begins with *, which YAML reads as an alias, and there is no such anchor',
    ],
    [
      'a Python object',
      'a: !!python/object:os.system x\n',
      'a: begins with !, which YAML reads as a tag; tags are not read',
    ],
    ['a key that is a list', '? [a, b]\n: 1\n', 'has a key that is a list or a mapping'],
  ])('%s', async (_what, text, message) => {
    const { value, errors } = await parseYaml(text, 'x.yml')
    expect(value).toBeUndefined()
    expect(errors).toHaveLength(1)
    expect(brief(errors[0] as never)).toContain(message)
  })

  test('a message never shows what stands in the file', async () => {
    const { errors } = await parseYaml('password: "s3cret" s3cret\nx: @s3cret\ny: [s3cret\n', 'x.yml')
    expect(JSON.stringify(errors)).not.toContain('s3cret')
    expect(errors).toHaveLength(1)
  })
})
