// The `history` key with the leader's position in one transaction: whoever reads that the cluster is on a new timeline
// must not measure the nodes on it by a position of the timeline that was left.

import type { ClusterStatus, HistoryLine } from '../model/cluster/cluster.ts'
import type { MemberName, Revision } from '../model/units.ts'
import type { Entry } from '../wire/cluster-view.ts'
import { HISTORY, LEADER } from '../wire/keys.ts'
import { parseHistory, serialiseHistory } from '../wire/records.ts'
import { statusWrite } from './status-write.ts'
import type { GuardedWrite } from './writes.ts'

/**
 * `status` null: it stays as it is; else `standing` is what is known of the key. Refused unless the leader key holds
 * `leader`, and when another writer was at the status since: the next routine sees that.
 */
export function historyWrite(
  leader: MemberName,
  lines: readonly HistoryLine[],
  status: ClusterStatus | null,
  standing: Entry | null,
  ifRevision: Revision | null,
): GuardedWrite {
  const write = statusWrite(status, standing)
  return {
    key: HISTORY,
    text: serialiseHistory(lines),
    ifRevision,
    countsAsAbsent: text => parseHistory(text) === null,
    together: write === null ? [] : [write.change],
    onlyIf: [{ key: LEADER, text: leader }, ...(write === null ? [] : [write.guard])],
  }
}
