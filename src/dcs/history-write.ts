// The `history` key with the leader's position in one transaction: whoever reads that the cluster is on a new timeline
// must not measure the nodes on it by a position of the timeline that was left.

import type { ClusterStatus, HistoryLine } from '../model/cluster.ts'
import type { MemberName, Revision } from '../model/units.ts'
import { parseHistory, serialiseHistory, serialiseStatus } from './records.ts'
import type { GuardedWrite } from './writes.ts'

/** `status` null: it stays as it is. Refused unless the leader key holds `leader`. */
export function historyWrite(
  leader: MemberName,
  lines: readonly HistoryLine[],
  status: ClusterStatus | null,
  ifRevision: Revision | null,
): GuardedWrite {
  return {
    key: 'history',
    text: serialiseHistory(lines),
    ifRevision,
    readsAsNone: text => parseHistory(text) === null,
    together: status === null ? [] : [{ key: 'status', text: serialiseStatus(status) }],
    onlyIf: { key: 'leader', text: leader },
  }
}
