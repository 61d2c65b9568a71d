// Random clusters under random faults: every seed that ever failed, and 2,000 new ones. Each has to keep the promises of
// ARCHITECTURE.md at every instant, and to be whole again once everything is healed.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { simulate } from './simulate.ts'

const FRESH_SEEDS = 2000
/** Four times what 2,000 take on two quiet cores. */
const LIMIT_MS = 800_000
const directory = import.meta.dirname

async function failures(seeds: Iterable<number>, limitMs: number): Promise<readonly string[]> {
  const startedMs = performance.now()
  const failed: string[] = []
  let count = 0
  for (const seed of seeds) {
    if (failed.length >= 3) break
    if (performance.now() - startedMs > limitMs) {
      failed.push(`only ${count} runs in ${limitMs} ms`)
      break
    }
    const { violations } = await simulate(seed)
    count++
    if (violations.length > 0)
      failed.push(`${violations[0]}\n  node test/simulation/run.ts --seed ${seed} --trace`)
    // The test runner wants to hear of us now and then.
    await new Promise(resolve => setImmediate(resolve))
  }
  console.log(`simulated ${count} runs in ${Math.round((performance.now() - startedMs) / 1000)} s`)
  return failed
}

function* from(base: number): Generator<number> {
  for (let seed = base; seed < base + FRESH_SEEDS; seed++) yield seed
}

/** New for each commit, so that others are looked at every time; the same for the same commit, so that red stays red. */
async function baseOfCommit(): Promise<number> {
  const { stdout } = await execa('git', ['rev-parse', 'HEAD'], {
    cwd: directory,
    timeout: 10_000,
    reject: false,
  })
  const hash = /^[0-9a-f]{8}/.exec(stdout ?? '')?.[0]
  return hash === undefined ? Math.floor(Date.now() / 1000) : Number.parseInt(hash, 16)
}

test(
  'seeds that once failed',
  async () => {
    const lines = (await readFile(join(directory, 'seeds.txt'), 'utf8')).split('\n')
    const seeds = new Set(lines.filter(line => /^\d/.test(line)).map(line => Number.parseInt(line, 10)))
    expect(seeds.size).toBeGreaterThan(0)
    expect(await failures(seeds, LIMIT_MS)).toEqual([])
  },
  LIMIT_MS + 60_000,
)

test(
  'fresh seeds',
  async () => {
    const base = Number(process.env.HACTL_SEED_BASE ?? (await baseOfCommit()))
    console.log(`HACTL_SEED_BASE=${base}`)
    expect(await failures(from(base), LIMIT_MS)).toEqual([])
  },
  LIMIT_MS + 60_000,
)

test('a seed replays its run', async () => {
  const first: string[] = []
  const second: string[] = []
  await simulate(7, (atMs, who, text) => first.push(`${atMs} ${who} ${text}`))
  await simulate(7, (atMs, who, text) => second.push(`${atMs} ${who} ${text}`))
  expect(first.length).toBeGreaterThan(50)
  expect(second).toEqual(first)
}, 60_000)
