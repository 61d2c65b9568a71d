// The key of a drained member. The member is drained whatever the key holds; who drained it, and when, is for people.

import type { Drain, DrainNote } from '../model/cluster/drained-member.ts'
import type { Revision } from '../model/units.ts'
import { isObject, parseExact, stringifyExact } from './exact-json.ts'
import { textOrNull } from './fields.ts'
import { drainedMemberOf } from './keys.ts'

const DRAINS_MAX = 1000
const TEXT_LENGTH_MAX = 300

function parseDrain(text: string): DrainNote {
  const value = parseExact(text)
  const said = (field: string): string | null =>
    isObject(value) ? (textOrNull(value[field])?.slice(0, TEXT_LENGTH_MAX) ?? null) : null
  return { by: said('by'), at: said('at'), reason: said('reason') }
}

export function serialiseDrain({ by, at, reason }: DrainNote): string {
  return stringifyExact({ by, at, reason })
}

export function drainsOf(
  entries: Iterable<readonly [string, { readonly text: string; readonly modRevision: Revision }]>,
): readonly Drain[] {
  const drains: Drain[] = []
  for (const [key, entry] of entries) {
    const member = drainedMemberOf(key)
    if (member === null || drains.length >= DRAINS_MAX) continue
    drains.push({ member, modRevision: entry.modRevision, note: parseDrain(entry.text) })
  }
  return drains.sort((a, b) => (a.member < b.member ? -1 : 1))
}
