// What came of many seeds together.

import { simulate, type Tell } from './simulate.ts'

/** Both included. */
export interface Seeds {
  readonly first: number
  readonly last: number
}

export interface Tally {
  readonly runs: number
  readonly failed: number
  readonly acknowledged: number
  readonly lost: number
  readonly promotions: number
  /** Lines about the seeds that failed; of a single seed in any case. */
  readonly failures: readonly string[]
}

export const NOTHING_RUN: Tally = {
  runs: 0,
  failed: 0,
  acknowledged: 0,
  lost: 0,
  promotions: 0,
  failures: [],
}

export async function tallyOf({ first, last }: Seeds, tell?: Tell): Promise<Tally> {
  let sum = NOTHING_RUN
  for (let seed = first; seed <= last; seed++) {
    const { violations, acknowledged, lost, promotions, summary } = await simulate(seed, tell)
    const hasFailed = violations.length > 0
    const lines = [`seed ${seed}: ${summary}`, ...violations.map(violation => `  ${violation}`)]
    const failures = hasFailed || first === last ? lines : []
    sum = plus(sum, { runs: 1, failed: hasFailed ? 1 : 0, acknowledged, lost, promotions, failures })
    // Thousands of runs in one turn would starve the process of its signals.
    await new Promise(resolve => setImmediate(resolve))
  }
  return sum
}

export function plus(a: Tally, b: Tally): Tally {
  return {
    runs: a.runs + b.runs,
    failed: a.failed + b.failed,
    acknowledged: a.acknowledged + b.acknowledged,
    lost: a.lost + b.lost,
    promotions: a.promotions + b.promotions,
    failures: [...a.failures, ...b.failures],
  }
}
