// The key `hactl/guard` as the leader writes it: only in the reign in which it was decided.

import type { GuardNote } from '../model/cluster/guard.ts'
import type { Revision } from '../model/units.ts'
import { GUARD, LEADER } from '../wire/keys.ts'
import { parseGuard, serialiseGuard } from '../wire/own-keys/guard-record.ts'
import type { GuardedWrite } from './writes.ts'

/** `leaderRevision`: of the leader key in this reign; a try that etcd carries out in a later reign finds another. */
export function guardWrite(
  note: GuardNote,
  ifRevision: Revision | null,
  leaderRevision: Revision,
): GuardedWrite {
  return {
    ...{ key: GUARD, text: serialiseGuard(note), ifRevision },
    countsAsAbsent: text => parseGuard(text) === null,
    onlyIf: [{ key: LEADER, modRevision: leaderRevision }],
  }
}
