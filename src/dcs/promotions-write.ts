// The key `hactl/promotions` as a leader writes it before its promotion: only while the leader key holds its name.

import type { Promotions } from '../model/cluster/promotions.ts'
import type { MemberName, Revision } from '../model/units.ts'
import { LEADER, PROMOTIONS } from '../wire/keys.ts'
import { parsePromotions, serialisePromotions } from '../wire/own-keys/promotions-record.ts'
import type { GuardedWrite } from './writes.ts'

/** Refused unless the leader key holds `leader`, or when somebody else has written since. */
export function promotionsWrite(
  leader: MemberName,
  promotions: Promotions,
  ifRevision: Revision | null,
): GuardedWrite {
  return {
    ...{ key: PROMOTIONS, text: serialisePromotions(promotions), ifRevision },
    countsAsAbsent: text => parsePromotions(text) === null,
    onlyIf: [{ key: LEADER, text: leader }],
  }
}
