// docs/security.md is a threat model: each numbered claim in it has a test, and each test that it names exists and runs.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { top } from '../tidy/source.ts'
import { claimsIn, claimsNamed, isTestIn, testsNamed } from './claims.ts'

const read = (path: string) => readFile(join(top, path), 'utf8').catch(() => null)

test('every test that docs/security.md names exists', async () => {
  const page = (await read('docs/security.md')) ?? ''
  const named = testsNamed(page)
  const lost: string[] = []
  for (const { file, name } of named) {
    const source = await read(file)
    if (source === null) lost.push(`${file} does not exist`)
    else if (name !== null && !isTestIn(source, name)) lost.push(`${file} has no test “${name}”`)
  }
  expect(lost).toEqual([])
  expect(named.length).toBeGreaterThan(50)
})

test('every numbered claim has a test, and every number that is named is one', async () => {
  const page = (await read('docs/security.md')) ?? ''
  const [claims = '', table = ''] = page.split('\n## Which test shows it\n')
  const shown = table.split('\n').filter(row => /^\| [A-Z]\d+ \|/.test(row))
  const numbers = shown.map(row => row.split('|')[1]?.trim() ?? '')
  expect(shown.filter(row => testsNamed(row).every(({ name }) => name === null))).toEqual([])
  expect(claimsIn(claims).filter(number => !numbers.includes(number))).toEqual([])
  expect(claimsNamed(claims).filter(number => !numbers.includes(number))).toEqual([])
  expect(numbers.filter(number => !claimsNamed(claims).includes(number))).toEqual([])
  expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([])
})

test('files and names are found in a row, and a test in its source, but not one that is skipped', () => {
  expect(testsNamed('| N1 | `test/a/b.test.ts` “one, two”, “it’s %s”; see `test/c.test.ts` |')).toEqual([
    { file: 'test/a/b.test.ts', name: 'one, two' },
    { file: 'test/a/b.test.ts', name: 'it’s %s' },
    { file: 'test/c.test.ts', name: null },
  ])
  const source = `test('a', () => {})
it.each([[1]])(
  "b's",
  () => {},
)
const x = f('c')
test.skip('d', () => {})
const ifLong = test.skipIf(isShort)
ifLong('f', () => {})`
  expect(['a', "b's", 'c', 'd', 'e', 'f'].filter(name => isTestIn(source, name))).toEqual(['a', "b's", 'f'])
  expect(claimsIn('| N1 | x |\n| L10 | y (E3) |\n| x | N2 |')).toEqual(['N1', 'L10'])
  expect(claimsNamed('as in N7, P1 to P3 (ADR 21); SHA256, `E5`')).toEqual(['N7', 'P1', 'P3', 'E5'])
})
