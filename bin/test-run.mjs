// What bin/test runs after set-up: four checks side by side, then vitest over all tests (vitest.config.ts says in which
// order). Whatever goes wrong, also a crash of vitest or a run without tests, counts as a failure on the last line.

import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { patternOf, readReport } from './test-report.mjs'

const startedMs = performance.now()
// CI has 45 minutes; a run that stops itself still says what failed.
const limitMs = Number(process.env.HACTL_TEST_LIMIT_S ?? 44 * 60) * 1000
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

/** What the report says, and what it cannot say: errors outside tests, no tests at all. */
async function countTests(code) {
  let read
  try {
    read = readReport(JSON.parse(await readFile(report, 'utf8')), process.cwd())
  } catch (error) {
    console.log(`FAILED vitest wrote no report (exit code ${code}): ${error.message}`)
    return { passed: 0, failed: 1, again: [] }
  }
  for (const note of read.notes) console.log(note)
  if (read.skipped > 0) console.log(`${read.skipped} skipped`)
  if (read.passed + read.failed === 0) {
    console.log('FAILED no test was run')
    return { ...read, failed: 1 }
  }
  if (code !== 0 && read.failed === 0) {
    console.log(`FAILED vitest ended with exit code ${code} though no test failed`)
    return { ...read, failed: 1 }
  }
  return read
}

async function runVitest(args) {
  await mkdir('build', { recursive: true })
  await rm(report, { force: true })
  const all = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args]
  const { code } = await run('vitest', all, { show: true, env: rewrite ? { HACTL_REWRITE: '1' } : {} })
  if (code === null) console.log(`FAILED the tests were stopped after ${limitMs / 1000} s`)
  return countTests(code)
}

/** What failed by a time limit only, once more and alone (test-report.mjs says when). Both results are printed. */
async function runAgain(again) {
  let passed = 0
  let failed = 0
  for (const { file, names } of again) {
    console.log(`run again, alone, after a time limit: ${file}: ${names.join(', ') || 'the whole file'}`)
    const second = await runVitest(names.length === 0 ? [file] : [file, '-t', patternOf(names)])
    passed += second.passed
    failed += second.failed
  }
  console.log(`run again after a time limit: ${passed + failed} tests, of which ${failed} failed again`)
  return { passed, failed }
}

async function runTests() {
  const first = await runVitest(filters)
  if (first.again.length === 0) return first
  const second = await runAgain(first.again)
  return { passed: first.passed + second.passed, failed: second.failed }
}

const ofChecks = filters.length === 0 && !rewrite ? await runChecks() : { passed: 0, failed: 0 }
const ofTests = await runTests()
const failed = ofChecks.failed + ofTests.failed
console.log(`${ofChecks.passed + ofTests.passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
