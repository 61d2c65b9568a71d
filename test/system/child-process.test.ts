// Short programs end within their limit, with all that they started, and what they said last is kept: why they are not
// run by a package is in docs/adr/0009-dependencies.md.

import { describe, expect, test } from 'vitest'
import { type RunResult, runProgram } from '../../src/system/child-process.ts'
import { readProcess } from '../../src/system/proc.ts'

/** Much longer than any limit below: a child that is still there was not killed. */
const CHILD = 'sleep 60'
const SOON_MS = 10_000

async function run(
  script: string,
  more: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<RunResult> {
  const env = { PATH: process.env.PATH ?? '' }
  return runProgram({ file: '/bin/sh', args: ['-c', script], env, timeoutMs: 20_000, graceMs: 500, ...more })
}

/** The child has written its process id. */
async function childIsGone({ stdout }: RunResult): Promise<void> {
  const pid = Number(/child (\d+)/.exec(stdout)?.[1])
  expect(pid).toBeGreaterThan(1)
  await expect.poll(() => readProcess(pid), { timeout: SOON_MS }).toBeNull()
}

describe('a program that starts another one', () => {
  test('and ends at once, while that one keeps the pipe, is not waited for longer', async () => {
    const result = await run(`${CHILD} & echo child $!`)
    expect(result).toMatchObject({ kind: 'exited', code: 0 })
    await childIsGone(result)
  })

  test.each([
    ['in its own group', `${CHILD} & echo child $!; ${CHILD}`],
    ['in another session, on the pipe', `setsid ${CHILD} & echo child $!; ${CHILD}`],
    ['in another session, without the pipe', `setsid ${CHILD} >/dev/null 2>&1 & echo child $!; ${CHILD}`],
    ['and ignores SIGTERM', `trap '' TERM; ${CHILD} & echo child $!; wait; wait; ${CHILD}`],
  ])('%s, ends with it when the time is over', async (_, script) => {
    const result = await run(script, { timeoutMs: 700 })
    expect(result.kind).toBe('timed-out')
    await childIsGone(result)
  })

  test('ends with it when it is cancelled', async () => {
    const stop = new AbortController()
    const result = await runProgram({
      file: '/bin/sh',
      args: ['-c', `setsid ${CHILD} & echo child $!; ${CHILD}`],
      env: { PATH: process.env.PATH ?? '' },
      timeoutMs: null,
      signal: stop.signal,
      onLine: () => stop.abort(),
    })
    expect(result.kind).toBe('aborted')
    await childIsGone(result)
  })
})

test('of much output the end is kept, which says why', async () => {
  const result = await run('head -c 2000000 /dev/zero | tr "\\0" x; echo; echo the reason; exit 3')
  expect(result).toMatchObject({ kind: 'exited', code: 3 })
  expect(result.stdout).toMatch(/x\nthe reason\n$/)
  expect(result.stdout.length).toBeLessThanOrEqual(1_000_000)
})
