// One simulated run after another, for people: `node test/simulation/run.ts --seed N [--trace]` or `--seeds A..B`.

import { parseArgs } from 'node:util'
import { simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})

const [first, last] = seedsOf(values.seeds ?? values.seed ?? '1')
let failed = 0
let acknowledged = 0
const startedMs = performance.now()
for (let seed = first; seed <= last; seed++) {
  const tell = (atMs: number, who: string, text: string): void => {
    if (values.trace) console.log(`${(atMs / 1000).toFixed(3).padStart(9)}  ${who.padEnd(5)} ${text}`)
  }
  const result = await simulate(seed, tell)
  acknowledged += result.acknowledged
  if (result.violations.length === 0 && first !== last) continue
  console.log(`seed ${seed}: ${result.summary}`)
  for (const violation of result.violations) console.log(`  ${violation}`)
  if (result.violations.length > 0) failed++
  // Thousands of runs in one turn would starve the process of its signals.
  await new Promise(resolve => setImmediate(resolve))
}
const tookMs = performance.now() - startedMs
console.log(
  `${last - first + 1} runs, ${failed} failed, ${acknowledged} writes, ${Math.round(tookMs)} ms, ${(tookMs / (last - first + 1)).toFixed(1)} ms a run`,
)
process.exitCode = failed === 0 ? 0 : 1

function seedsOf(text: string): readonly [number, number] {
  const [from = '1', to = from] = text.split('..')
  return [Number(from), Number(to)]
}
