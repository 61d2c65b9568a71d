// A look that a hung disk must not hold up: what does not come in time is given up, and said to be late.

import type { Millis } from '../model/units.ts'

/** The promise's value, or `late()` when it does not come within `ms`. */
export async function within<T>(promise: Promise<T>, ms: Millis, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<T>(resolve => {
    timer = setTimeout(() => resolve(late()), ms)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
