// YAML as patronictl writes it: the expected texts were printed by patronictl 4.1.5. And whatever is written is read
// back the same by the reader of configurations.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseYaml } from '../../src/config/sources/yaml.ts'
import type { Json } from '../../src/model/cluster/cluster.ts'
import { yamlDocument, yamlFlow } from '../../src/terminal/format/yaml-text.ts'

test('scalars are plain where they can be', () => {
  const document = {
    ...{
      at: '@a',
      back: 'a\\b',
      br: '[a',
      col: 'a:',
      comma: 'a,b',
      d2: '-',
      dash: '- a',
      date: '2020-01-01 10:00:00',
    },
    ...{ dot: '.', dq: 'a"b', e: 1e30, eq: '=', flt: '1e3', in: 'a #b', in2: 'a#b', inf: '.inf', 'k:1': 'v' },
    ...{ lead: ' x', lt: '<<', minus: '-a', neg: '-1', nl: 'a\n\nb\n', nul: 'null', num: '0x1f', oct: '010' },
    ...{
      l: [['x'], { k: 1, z: [1] }],
      sex: '1:30',
      tab: 'a\tb',
      true: 'yes',
      u: '🙂',
      'x-y': '~',
      empty: '',
      o: {},
      s: [],
    },
  }
  expect(yamlDocument(document)).toBe(`at: '@a'
back: a\\b
br: '[a'
col: 'a:'
comma: a,b
d2: '-'
dash: '- a'
date: '2020-01-01 10:00:00'
dot: .
dq: a"b
e: 1.0e+30
empty: ''
eq: '='
flt: 1e3
in: 'a #b'
in2: a#b
inf: '.inf'
k:1: v
l:
- - x
- k: 1
  z:
  - 1
lead: ' x'
lt: '<<'
minus: -a
neg: '-1'
nl: 'a


  b

  '
nul: 'null'
num: '0x1f'
o: {}
oct: '010'
s: []
sex: '1:30'
tab: "a\\tb"
'true': 'yes'
u: 🙂
x-y: '~'
`)
})

test('long texts are folded after column 200', () => {
  const words = `${'word '.repeat(60)}end`
  const [first = '', second = ''] = yamlDocument({ a: { b: words } })
    .split('\n')
    .slice(1)
  expect(first).toBe(`  b: ${'word '.repeat(40).trimEnd()}`)
  expect(second).toBe(`    ${'word '.repeat(20)}end`)
  expect(yamlDocument({ a: `it's: ${words}` }).split('\n')[1]).toMatch(/^ {2}word .* end'$/)
})

test('flow style on one line', () => {
  const tags = { a: 'on', b: [1, 2, { c: 'x: y' }], e: {}, s: 'a, b', n: null }
  expect(yamlFlow(tags)).toBe("{a: 'on', b: [1, 2, {c: 'x: y'}], e: {}, n: null, s: 'a, b'}")
})

const text = fc.string({
  unit: fc.constantFrom(...'ab01:-# ,[]{}\'"\n\t&*!|>%@`~=.é'.split(''), 'null', 'yes', '0x'),
  maxLength: 8,
})
const { value } = fc.letrec<{ value: Json }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.constantFrom(null, true, false, 0, -5, 1.5),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      text.filter(key => key !== '<<' && key !== '__proto__'),
      tie('value'),
      { maxKeys: 3, noNullPrototype: true },
    ),
  ),
}))

test('what is written is read back the same', async () => {
  await fc.assert(
    fc.asyncProperty(value, async inner => {
      const document = { k: inner }
      const block = await parseYaml(yamlDocument(document), null)
      const flow = await parseYaml(yamlFlow(document), null)
      expect([block.value, flow.value]).toEqual([document, document])
    }),
    { numRuns: 500 },
  )
})
