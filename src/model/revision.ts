// A revision is made by the adapter of a store, and it can be ordered. No code computes with one or compares two with
// `<`: the order is the store's (docs/adr/0018-a-port-for-several-stores.md).

import type { Revision } from './units.ts'

/** For adapters, from a number that only grows. */
export function revision(number: number): Revision {
  return number as unknown as Revision
}

/** Was `a` written after `b`? null: never written, older than anything. */
export function isNewer(a: Revision | null, b: Revision | null): boolean {
  if (a === null || b === null) return a !== null
  return Number(a) > Number(b)
}
