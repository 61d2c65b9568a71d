// The `history` key with the leader's position in one transaction: a reader of the new timeline must not measure the
// nodes on it against a position on the old one.

import type { ClusterStatus, HistoryLine } from '../model/cluster/cluster.ts'
import type { MemberName, Revision } from '../model/units.ts'
import type { Entry } from '../wire/cluster-view.ts'
import { HISTORY, LEADER } from '../wire/keys.ts'
import { parseHistory, serialiseHistory } from '../wire/records.ts'
import { statusWrite } from './status-write.ts'
import type { GuardedWrite } from './writes.ts'

/**
 * `status` null: the status stays as it is; otherwise `standing` is the status key as known. Refused unless the leader
 * key holds `leader`, or when somebody else has written the status since: the next routine sees that.
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
