// Stands in for the agent: holds a fencer and does what its stdin says, one JSON line each, answering with one.

import { createInterface } from 'node:readline'
import { createFencer } from '../../src/fencer/fencer.ts'
import { systemClock } from '../../src/system/clock.ts'

interface Order {
  readonly do: 'arm' | 'disarm' | 'view'
  readonly inMs?: number
  readonly pid?: number
  readonly startTicks?: string
}

/** What a slow machine may need for any of this: no test here is about an agent that gives up. */
const BUDGET_MS = 20_000

const [binary = '', dataDir = '', stateDirectory = ''] = process.argv.slice(2)
const clock = systemClock()
const quiet = () => {}
const log = { debug: quiet, info: quiet, warning: quiet, error: quiet }
const fencer = createFencer({
  binary,
  dataDir,
  stateDirectory,
  clock,
  log,
  notifySocket: null,
  retireLimitMs: BUDGET_MS,
})

async function obey(order: Order): Promise<unknown> {
  const deadlineMs = clock.bootMs() + (order.inMs ?? 0)
  const { pid, startTicks } = order
  const postmaster = pid === undefined || startTicks === undefined ? null : { pid, startTicks }
  if (order.do === 'arm')
    return { ok: (await fencer.arm(deadlineMs, postmaster, BUDGET_MS)) === null, deadlineMs }
  if (order.do === 'disarm') return { ok: await fencer.disarm(BUDGET_MS) }
  return fencer.view()
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line) as Order))}\n`)
}
