// What vitest's report says, and which of its failures may be run a second time.
//
// The machine that the tests run on is shared. A test on real processes that ran into a time limit (`TimeLimit` of
// test/time-limit.ts, or vitest's own) may be run once more, alone. A wrong value, two writers, a lost row, a seed or
// anything else that is not a limit is never run again: it is a bug.

/** Folders whose tests start real processes. */
const REAL = /^test\/(adapters|cluster|commands|fencer|journal|postgres-settings|rest|system)\//
const LIMIT = /^(?:TimeLimit: |(?:Error|[A-Za-z]*TimeoutError): (?:Test|Hook) timed out in )/
/** Vitest reports a failed hook for the file, and without the error's name. */
const LIMIT_OF_A_HOOK = /^(?:Hook timed out in |not within \d+ ms: |waited \d+ ms in vain: )/
/** More than this is not one stalled moment. */
const AGAIN_MAX = 3

/**
 * `passed`, `failed`, `skipped` count tests; a file that did not load, or whose hook failed, counts as one failure. `notes`
 * are lines for the reader. `again` lists `{ file, names }` to run once more: empty unless every failure is a time limit.
 */
export function readReport(results, directory) {
  const files = results.testResults.map(file => ({ ...file, path: file.name.replace(`${directory}/`, '') }))
  const failures = files.flatMap(failuresOf)
  const notes = failures
    .filter(({ title }) => title === null)
    .map(({ path, messages }) => `FAILED ${path}: ${messages[0]}`)
  return {
    passed: results.numPassedTests,
    failed: failures.length,
    skipped: results.numPendingTests + results.numTodoTests,
    notes,
    again: mayRunAgain(failures) ? grouped(failures) : [],
  }
}

function failuresOf({ path, status, message, assertionResults }) {
  const tests = assertionResults.filter(test => test.status === 'failed')
  if (status === 'failed' && tests.length === 0) return [{ path, title: null, messages: [message] }]
  return tests.map(test => ({ path, title: test.fullName, messages: test.failureMessages }))
}

function mayRunAgain(failures) {
  const all = failures.every(failure => REAL.test(failure.path) && isLimit(failure))
  return failures.length > 0 && failures.length <= AGAIN_MAX && all
}

function isLimit({ title, messages }) {
  return messages.every(message => (title === null ? LIMIT_OF_A_HOOK : LIMIT).test(message))
}

/** A file whose hook ran into its limit is run whole. */
function grouped(failures) {
  const byFile = new Map()
  for (const { path, title } of failures) byFile.set(path, [...(byFile.get(path) ?? []), title])
  return [...byFile].map(([file, names]) => ({ file, names: names.includes(null) ? [] : names }))
}

/** For vitest's `-t`: exactly these tests. */
export function patternOf(names) {
  return `^(?:${names.map(name => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$`
}
