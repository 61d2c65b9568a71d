// Which failures the runner may run once more: time limits on real processes, few of them, and nothing else.

import { expect, test } from 'vitest'
import { patternOf, readReport } from '../../bin/test-report.mjs'

const limit = 'TimeLimit: not within 30000 ms: pg2 leads\n    at until (…)'
const broken = 'AssertionError: expected 2 to be 1 // two writers\n    at …'

function report(...tests: readonly (readonly [file: string, title: string, message: string])[]) {
  const files = [...new Set(tests.map(([file]) => file))]
  return {
    numPassedTests: 5,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: files.map(file => ({
      name: `/top/${file}`,
      status: 'failed',
      message: '',
      assertionResults: tests
        .filter(([of]) => of === file)
        .map(([, title, message]) => ({ status: 'failed', fullName: title, failureMessages: [message] })),
    })),
  }
}

const again = (results: ReturnType<typeof report>) => readReport(results, '/top').again

test('a time limit of real processes is run again, by its exact name', () => {
  const results = report(['test/cluster/a.test.ts', 'power cut (1 of 2)', limit])
  expect(again(results)).toEqual([{ file: 'test/cluster/a.test.ts', names: ['power cut (1 of 2)'] }])
  expect(readReport(results, '/top')).toMatchObject({ passed: 5, failed: 1 })
  expect(new RegExp(patternOf(['power cut (1 of 2)'])).test('power cut (1 of 2)')).toBe(true)
  expect(new RegExp(patternOf(['power cut (1 of 2)'])).test('no power cut (1 of 2)')).toBe(false)
})

test.each(['TestTimeoutError: Test timed out in 300000ms.', 'Error: Hook timed out in 120000ms.'])(
  '%s is a limit, too',
  message => {
    expect(again(report(['test/adapters/a.test.ts', 'x', message]))).toHaveLength(1)
  },
)

test('a broken promise is never run again, nor what failed beside it', () => {
  expect(again(report(['test/cluster/a.test.ts', 'x', broken]))).toEqual([])
  expect(
    again(report(['test/cluster/a.test.ts', 'x', broken], ['test/cluster/b.test.ts', 'y', limit])),
  ).toEqual([])
  expect(again(report(['test/cluster/a.test.ts', 'x', `AssertionError: expected\n${limit}`]))).toEqual([])
})

test('a limit in pure code is a bug: nothing there waits for a machine', () => {
  expect(again(report(['test/simulation/simulation.test.ts', 'seed 7', limit]))).toEqual([])
  expect(again(report(['test/decisions/decisions.test.ts', 'x', limit]))).toEqual([])
})

test('many limits at once are not one stalled moment', () => {
  const many = ['a', 'b', 'c', 'd'].map(name => ['test/cluster/a.test.ts', name, limit] as const)
  expect(again(report(...many))).toEqual([])
})

test('a file whose hook ran into its limit is run whole; one that does not load is not', () => {
  const file = (message: string) => ({
    ...report(),
    testResults: [{ name: '/top/test/cluster/a.test.ts', status: 'failed', message, assertionResults: [] }],
  })
  expect(readReport(file('Hook timed out in 120000ms.'), '/top').again).toEqual([
    { file: 'test/cluster/a.test.ts', names: [] },
  ])
  const unloaded = readReport(file('SyntaxError: unexpected end'), '/top')
  expect(unloaded).toMatchObject({ failed: 1, again: [] })
  expect(unloaded.notes[0]).toContain('SyntaxError')
})
