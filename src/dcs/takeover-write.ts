// The key `hactl/history` as a leader writes it: only while the leader key holds its name.

import type { TakeoverNote } from '../model/cluster/takeover.ts'
import type { MemberName, Revision } from '../model/units.ts'
import { LEADER, TAKEOVERS } from '../wire/keys.ts'
import { serialiseTakeovers } from '../wire/own-keys/takeover-record.ts'
import type { GuardedWrite } from './writes.ts'

/** Refused unless the leader key holds `leader`, or when somebody else has written since. */
export function takeoverWrite(
  leader: MemberName,
  notes: readonly TakeoverNote[],
  ifRevision: Revision | null,
): GuardedWrite {
  return {
    ...{ key: TAKEOVERS, text: serialiseTakeovers(notes), ifRevision },
    onlyIf: [{ key: LEADER, text: leader }],
  }
}
