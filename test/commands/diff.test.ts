// Unified diffs: the forms that reviewers know, and that applying one to the first text gives the second.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unifiedDiff } from '../../src/terminal/format/diff.ts'

test('changes far apart make two hunks, near ones make one', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `l${index}`)
  const changed = lines.with(1, 'x').with(18, 'y')
  const text = (all: readonly string[]) => `${all.join('\n')}\n`
  expect(unifiedDiff(text(lines), text(changed))).toBe(
    '--- \n+++ \n@@ -1,5 +1,5 @@\n l0\n-l1\n+x\n l2\n l3\n l4\n@@ -16,5 +16,5 @@\n l15\n l16\n l17\n-l18\n+y\n l19\n',
  )
  expect(unifiedDiff('', 'a: 1\n')).toBe('--- \n+++ \n@@ -0,0 +1 @@\n+a: 1\n')
  expect(unifiedDiff('a\n', 'a\n')).toBe('')
})

test('texts that have nothing in common are shown as replaced, and soon', () => {
  const text = (word: string) => Array.from({ length: 5000 }, (_, index) => `${word}${index}\n`).join('')
  const lines = unifiedDiff(text('old'), text('new')).split('\n')
  expect(lines.slice(2, 4)).toEqual(['@@ -1,5000 +1,5000 @@', '-old0'])
  expect(lines.slice(-3)).toEqual(['+new4998', '+new4999', ''])
})

/** What `patch` does: each hunk replaces the lines it names. */
function applied(before: readonly string[], diff: string): readonly string[] {
  const after: string[] = []
  let taken = 0
  for (const line of diff.split('\n').slice(2, -1)) {
    const hunk = /^@@ -(\d+)(,0)?/.exec(line)
    if (hunk !== null) {
      const start = hunk[2] === undefined ? Number(hunk[1]) - 1 : Number(hunk[1])
      after.push(...before.slice(taken, start))
      taken = start
    } else if (line.startsWith('+')) after.push(line.slice(1))
    else {
      expect(before[taken]).toBe(line.slice(1))
      if (line.startsWith(' ')) after.push(line.slice(1))
      taken += 1
    }
  }
  return [...after, ...before.slice(taken)]
}

test('applied to the first text it gives the second', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 })
  const text = (all: readonly string[]) => all.map(line => `${line}\n`).join('')
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      expect(applied(before, unifiedDiff(text(before), text(after)))).toEqual(after)
    }),
    { numRuns: 500 },
  )
})
