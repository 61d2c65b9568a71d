// What bin/test runs after set-up: four checks side by side, then vitest over all tests (vitest.config.ts says in which
// order). Whatever goes wrong, also a crash of vitest or a run without tests, counts as a failure on the last line.

import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'

const startedMs = performance.now()
// The CI stops a run after 25 minutes; a run that stops itself still says what failed.
const limitMs = Number(process.env.HACTL_TEST_LIMIT_S ?? 24.5 * 60) * 1000
const report = 'build/test-report.json'
const rewrite = process.argv.includes('--rewrite')
const filters = process.argv.slice(2).filter(argument => argument !== '--rewrite')

/** Runs a command in a process group of its own, which is killed when the time is up. Exit code null: was killed. */
function run(command, args, { show, env = {} }) {
  const leftMs = Math.max(1000, limitMs - (performance.now() - startedMs))
  return new Promise(resolve => {
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    })
    let output = ''
    child.stdout?.on('data', chunk => (output += chunk))
    child.stderr?.on('data', chunk => (output += chunk))
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if (error.code !== 'ESRCH') throw error
      }
    }
    const timer = setTimeout(end, leftMs)
    // Ctrl-C reaches only our own group.
    const interrupted = signal => process.kill(-child.pid, signal)
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
    child.on('error', error => resolve({ code: null, output: String(error) }))
    child.on('close', code => {
      clearTimeout(timer)
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
      resolve({ code, output })
    })
  })
}

const checks = [
  ['lint', 'biome', ['check', '--diagnostic-level=error', '.']],
  ['types', 'tsc', ['-p', 'tsconfig.check.json']],
  ['purity', 'tsc', ['-p', 'tsconfig.pure.json']],
  [
    'lock file',
    'npm',
    ['ci', '--dry-run', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
  ],
]

/** Each check counts as one test. */
async function runChecks() {
  const results = await Promise.all(
    checks.map(async ([name, command, args]) => ({ name, ...(await run(command, args, { show: false })) })),
  )
  for (const { name, code, output } of results) {
    if (code !== 0) console.log(output.trimEnd())
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}`)
  }
  const failed = results.filter(({ code }) => code !== 0).length
  return { passed: results.length - failed, failed }
}

/** What the report says, and what it cannot say: files that did not load, errors outside tests, no tests at all. */
async function countTests(code) {
  let results
  try {
    results = JSON.parse(await readFile(report, 'utf8'))
  } catch (error) {
    console.log(`FAILED vitest wrote no report (exit code ${code}): ${error.message}`)
    return { passed: 0, failed: 1 }
  }
  const passed = results.numPassedTests
  const broken = results.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  )
  for (const file of broken) console.log(`FAILED ${file.name}: ${file.message}`)
  let failed = results.numFailedTests + broken.length
  const skipped = results.numPendingTests + results.numTodoTests
  if (skipped > 0) console.log(`${skipped} skipped`)
  if (passed + failed === 0) {
    console.log('FAILED no test was run')
    failed = 1
  }
  if (code !== 0 && failed === 0) {
    console.log(`FAILED vitest ended with exit code ${code} though no test failed`)
    failed = 1
  }
  return { passed, failed }
}

async function runTests() {
  await mkdir('build', { recursive: true })
  await rm(report, { force: true })
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters]
  const { code } = await run('vitest', args, { show: true, env: rewrite ? { HACTL_REWRITE: '1' } : {} })
  if (code === null) console.log(`FAILED the tests were stopped after ${limitMs / 1000} s`)
  return countTests(code)
}

const ofChecks = filters.length === 0 && !rewrite ? await runChecks() : { passed: 0, failed: 0 }
const ofTests = await runTests()
const failed = ofChecks.failed + ofTests.failed
console.log(`${ofChecks.passed + ofTests.passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
