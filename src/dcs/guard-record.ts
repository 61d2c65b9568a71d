// The key `hactl/guard`: whether something would stop the leader's server when its lease ends. Patroni ignores it.

import type { GuardNote } from '../model/guard.ts'
import type { Revision } from '../model/units.ts'
import { nameOrNull } from './fields.ts'
import { isObject, parseExact, stringifyExact } from './json.ts'
import { GUARD } from './keys.ts'
import type { GuardedWrite } from './writes.ts'

/** null: nobody can tell whose it is. What else it says, only a plain `true` is a guard. */
export function parseGuard(text: string): GuardNote | null {
  const value = parseExact(text)
  if (!isObject(value)) return null
  const leader = nameOrNull(value.leader)
  return leader === null ? null : { leader, guarded: value.guarded === true }
}

export function serialiseGuard({ leader, guarded }: GuardNote): string {
  return stringifyExact({ leader, guarded })
}

/** `leaderRevision`: of the leader key in this reign; a try that etcd carries out in a later one finds another. */
export function guardWrite(
  note: GuardNote,
  ifRevision: Revision | null,
  leaderRevision: Revision,
): GuardedWrite {
  return {
    ...{ key: GUARD, text: serialiseGuard(note), ifRevision },
    readsAsNone: text => parseGuard(text) === null,
    onlyIf: [{ key: 'leader', modRevision: leaderRevision }],
  }
}
