// The key `hactl/guard`: whether something would stop the leader's server when its lease ends. Patroni ignores it.

import type { GuardNote } from '../../model/cluster/guard.ts'
import { isObject, parseExact, stringifyExact } from '../exact-json.ts'
import { nameOrNull } from '../fields.ts'

/** null: the note does not say whose it is. Only a plain `true` counts as a guard. */
export function parseGuard(text: string): GuardNote | null {
  const value = parseExact(text)
  if (!isObject(value)) return null
  const leader = nameOrNull(value.leader)
  return leader === null ? null : { leader, guarded: value.guarded === true }
}

export function serialiseGuard({ leader, guarded }: GuardNote): string {
  return stringifyExact({ leader, guarded })
}
