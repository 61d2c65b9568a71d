// Sets of member names. PostgreSQL compares application names without regard to case, and so does Patroni; each set is sorted,
// so that equal sets are equal lists.

import { hasName } from '../../judge/candidates.ts'
import type { MemberName } from '../../model/units.ts'

export type Names = readonly MemberName[]

const key = (name: MemberName): string => name.toLowerCase()

/** Sorted, each name once; of two that differ in case the first stays. */
export function namesOf(names: Iterable<MemberName>): Names {
  const byKey = new Map<string, MemberName>()
  for (const name of names) if (!byKey.has(key(name))) byKey.set(key(name), name)
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, name]) => name)
}

export { hasName as has }

export function union(...sets: readonly Names[]): Names {
  return namesOf(sets.flat())
}

export function common(a: Names, b: Names): Names {
  return a.filter(name => hasName(b, name))
}

export function without(a: Names, b: Names): Names {
  return a.filter(name => !hasName(b, name))
}

export function isWithin(a: Names, b: Names): boolean {
  return a.every(name => hasName(b, name))
}

export function isSame(a: Names, b: Names): boolean {
  return a.length === b.length && isWithin(a, b)
}
