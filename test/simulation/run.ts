// One simulated run after another, for people: `node test/simulation/run.ts --seed N [--trace]` or `--seeds A..B`, with
// `--jobs N` on several cores. The last line is a record of what was run.

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { execa } from 'execa'
import { NOTHING_RUN, plus, type Seeds, type Tally, tallyOf } from './tally.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    trace: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
  },
})

/** A worker gets so many at once. */
const PORTION = 100
const PROGRESS_EVERY_MS = 60_000

const whole = seedsOf(values.seeds ?? values.seed ?? '1')
const startedMs = performance.now()
const jobs = Math.max(1, Math.min(64, Number(values.jobs) || 1))
const tally = jobs === 1 ? await inThisThread(whole) : await inWorkers(whole, jobs)
const tookMs = performance.now() - startedMs
for (const line of tally.failures) console.log(line)
console.log(
  `${tally.runs} runs, ${tally.failed} failed, ${tally.acknowledged} writes, ${Math.round(tookMs)} ms, ${(tookMs / tally.runs).toFixed(1)} ms a run`,
)
if (tally.runs > 1) console.log(await record(tally, tookMs))
process.exitCode = tally.failed === 0 ? 0 : 1

function inThisThread(seeds: Seeds): Promise<Tally> {
  const trace = (atMs: number, who: string, text: string): void =>
    console.log(`${(atMs / 1000).toFixed(3).padStart(9)}  ${who.padEnd(5)} ${text}`)
  return tallyOf(seeds, values.trace ? trace : undefined)
}

async function inWorkers({ first, last }: Seeds, count: number): Promise<Tally> {
  let next = first
  let sum = NOTHING_RUN
  let toldMs = startedMs
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('./seed-worker.ts', import.meta.url)),
  )
  const works = workers.map(async worker => {
    while (next <= last) {
      const portion = { first: next, last: Math.min(last, next + PORTION - 1) }
      next = portion.last + 1
      const part = await runIn(worker, portion)
      // Not in one expression: `sum` would be read before the wait, and what others add meanwhile would be lost.
      sum = plus(sum, part)
      if (performance.now() - toldMs < PROGRESS_EVERY_MS) continue
      toldMs = performance.now()
      console.error(
        `${sum.runs} of ${last - first + 1} after ${minutes(toldMs - startedMs)} min, ${sum.failed} failed`,
      )
    }
    await worker.terminate()
  })
  await Promise.all(works)
  return sum
}

function runIn(worker: Worker, seeds: Seeds): Promise<Tally> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (tally: Tally) => {
      worker.removeListener('error', reject)
      resolve(tally)
    })
    worker.postMessage(seeds)
  })
}

/** For the documents: what was run, of which commit, when, and what came of it. */
async function record({ runs, failed, acknowledged, lost, promotions }: Tally, ms: number): Promise<string> {
  const { stdout = '' } = await execa('git', ['describe', '--always', '--dirty', '--abbrev=7'], {
    cwd: import.meta.dirname,
    timeout: 10_000,
    reject: false,
  })
  const seeds = `seeds ${whole.first}..${whole.last}`
  return `${new Date().toISOString().slice(0, 10)}, commit ${stdout || 'unknown'}: ${seeds}, ${runs} runs, ${failed} failed, ${acknowledged} acknowledged writes, ${lost} of them lost at promotions, ${promotions} promotions, ${minutes(ms)} min in ${jobs} jobs`
}

function minutes(ms: number): string {
  return (ms / 60_000).toFixed(1)
}

function seedsOf(text: string): Seeds {
  const [from = '1', to = from] = text.split('..')
  return { first: Number(from), last: Number(to) }
}
