// The real clock against the kernel's: never ahead of CLOCK_BOOTTIME, never more than 11 ms behind.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { inTime } from '../../src/ports/clock.ts'
import { systemClock } from '../../src/system/clock.ts'

test('boot time is never late and at most 11 ms early', async () => {
  const script =
    'import sys,time\nfor _ in sys.stdin: print(time.clock_gettime(time.CLOCK_BOOTTIME)*1000,flush=True)\n'
  const kernel = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const readings = createInterface({ input: kernel.stdout })[Symbol.asyncIterator]()
  const clock = systemClock()
  for (let round = 0; round < 200; round++) {
    const beforeMs = clock.bootMs()
    kernel.stdin.write('\n')
    const kernelMs = Number((await readings.next()).value)
    const afterMs = clock.bootMs()
    expect(beforeMs).toBeLessThanOrEqual(kernelMs)
    expect(afterMs).toBeGreaterThanOrEqual(kernelMs - 12)
    expect(Number.isInteger(beforeMs)).toBe(true)
  }
  kernel.stdin.end()
})

test('boot time never runs back', () => {
  const clock = systemClock()
  let last = clock.bootMs()
  for (const start = last; last < start + 50; ) {
    const now = clock.bootMs()
    expect(now).toBeGreaterThanOrEqual(last)
    last = now
  }
})

test('sleep ends after its time, or at once when aborted, and never rejects', async () => {
  const clock = systemClock()
  const startMs = clock.bootMs()
  await clock.sleep(30)
  expect(clock.bootMs() - startMs).toBeGreaterThanOrEqual(18)
  const abort = new AbortController()
  const long = clock.sleep(60_000, abort.signal)
  abort.abort()
  await long
  await clock.sleep(60_000, abort.signal)
  await clock.sleep(-5)
  expect(clock.bootMs() - startMs).toBeLessThan(5000)
})

/** Both clocks of a machine, which stands still for `pauses[n]` ms right after the n-th reading of its uptime. */
function pausedMachine(pauses: Readonly<Record<number, number>>) {
  let nowMs = 1000
  let readings = 0
  return {
    pass: (ms: number) => {
      nowMs += ms
    },
    trueMs: () => nowMs,
    kernel: {
      uptimeMs: () => {
        const seen = Math.floor(nowMs / 10) * 10
        nowMs += pauses[readings] ?? 0
        readings += 1
        return seen
      },
      monotonicMs: () => nowMs,
    },
  }
}

test('a process that is paused between its two readings is not taken for a machine that was moved', () => {
  const machine = pausedMachine({ 3: 60_000 })
  const clock = systemClock(machine.kernel)
  let last = 0
  for (let round = 0; round < 10; round++) {
    machine.pass(5)
    const now = clock.bootMs()
    expect(now).toBeGreaterThanOrEqual(last)
    expect(now).toBeLessThanOrEqual(machine.trueMs())
    expect(now).toBeGreaterThanOrEqual(machine.trueMs() - 11)
    last = now
  }
})

test('a pause within the very first reading is mended by the next one', () => {
  const machine = pausedMachine({ 0: 60_000 })
  const clock = systemClock(machine.kernel)
  clock.bootMs()
  expect(clock.bootMs()).toBeGreaterThanOrEqual(machine.trueMs() - 11)
})

test('a limit is not told as passed when the work came in time', async () => {
  const told: string[] = []
  const late = (): string => {
    told.push('late')
    return 'late'
  }
  expect(await inTime(Promise.resolve('work'), 1000, systemClock(), late)).toBe('work')
  await expect(inTime(Promise.reject(new Error('broken')), 1000, systemClock(), late)).rejects.toThrow(
    'broken',
  )
  await new Promise(resolve => setImmediate(resolve))
  expect(told).toEqual([])
  expect(await inTime(new Promise<string>(() => {}), 1, systemClock(), late)).toBe('late')
  expect(told).toEqual(['late'])
})
