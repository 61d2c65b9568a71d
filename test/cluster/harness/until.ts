// Waiting in cluster tests: for something to become true, with a limit, and with a message that says what did not.

import { errorText } from '../../../src/model/error-text.ts'
import { TimeLimit } from '../../time-limit.ts'

/** Milliseconds of CLOCK_MONOTONIC: the same clock in every process of this machine, so that their times compare. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/**
 * Calls `look` until it gives something other than false, null or undefined, and returns that. An error that `look` throws
 * counts as "not yet"; the last one is in the message when `limitMs` has passed. A look that costs a process should not be
 * taken often (`everyMs`): the machine has other things to do.
 */
export async function until<T>(
  description: string,
  look: () => T | Promise<T>,
  limitMs: number,
  everyMs = 20,
): Promise<NonNullable<Exclude<T, false>>> {
  const endMs = nowMs() + limitMs
  let last = 'never true'
  for (;;) {
    try {
      const value = await look()
      if (value !== false && value !== null && value !== undefined)
        return value as NonNullable<Exclude<T, false>>
      last = `last seen: ${String(value)}`
    } catch (error) {
      last = errorText(error)
    }
    if (nowMs() >= endMs) throw new TimeLimit(`not within ${limitMs} ms: ${description} (${last})`)
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
}
