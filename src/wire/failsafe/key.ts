// The `failsafe` key (spec/ha.md 1.2): the api_url of each member by name.

import type { FailsafeMembers } from '../../model/cluster/failsafe.ts'
import { isObject, parseExact, stringifyExact } from '../exact-json.ts'

const ENTRIES_MAX = 10_000

export function serialiseFailsafe(members: FailsafeMembers): string {
  return stringifyExact({ ...members })
}

/** null when the value is not an object of texts. The result has no prototype: any name may be looked up. */
export function parseFailsafe(text: string): FailsafeMembers | null {
  const value = parseExact(text)
  if (!isObject(value)) return null
  const members: Record<string, string> = Object.create(null)
  for (const [name, url] of Object.entries(value).slice(0, ENTRIES_MAX)) {
    if (typeof url !== 'string') return null
    members[name] = url
  }
  return members
}
