// The `failsafe` key as the leader writes it (spec/ha.md 5.1): the members that it would ask if the store went away.

import type { FailsafeMembers } from '../model/cluster/failsafe.ts'
import type { MemberName, Revision } from '../model/units.ts'
import { parseFailsafe, serialiseFailsafe } from '../wire/failsafe/key.ts'
import { FAILSAFE, LEADER } from '../wire/keys.ts'
import type { GuardedWrite } from './writes.ts'

/** Refused unless the leader key holds `leader`. */
export function failsafeWrite(
  leader: MemberName,
  members: FailsafeMembers,
  ifRevision: Revision | null,
): GuardedWrite {
  return {
    ...{ key: FAILSAFE, text: serialiseFailsafe(members), ifRevision },
    countsAsAbsent: text => parseFailsafe(text) === null,
    onlyIf: [{ key: LEADER, text: leader }],
  }
}
