// Keeps a hung disk from holding up a look: a result that does not come in time is given up and reported as late.

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
