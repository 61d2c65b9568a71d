// The key `sync` as a leader writes it: only while the leader key holds its name, so that a node that no longer leads
// cannot decide who may lead next.

import type { SyncState } from '../model/cluster/cluster.ts'
import type { MemberName, Revision } from '../model/units.ts'
import { LEADER, SYNC } from '../wire/keys.ts'
import { serialiseSync } from '../wire/records.ts'
import type { GuardedWrite } from './writes.ts'

/** Refused unless the leader key holds `leader`, or when somebody else has written since. `state` null: deleted. */
export function syncWrite(
  leader: MemberName,
  state: SyncState | null,
  ifRevision: Revision | null,
): GuardedWrite {
  return {
    ...{ key: SYNC, text: state === null ? null : serialiseSync(state), ifRevision },
    onlyIf: [{ key: LEADER, text: leader }],
  }
}
