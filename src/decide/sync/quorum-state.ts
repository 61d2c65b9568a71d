// What etcd and PostgreSQL say in quorum mode, and the invariant of it that quorum.ts explains.

import type { MemberName } from '../../model/units.ts'
import { isWithin, type Names, union } from './names.ts'

/** What etcd and PostgreSQL say now. */
export interface QuorumState {
  /** Of `/sync`. */
  readonly leader: MemberName
  readonly quorum: number
  /** Without the leader. */
  readonly voters: Names
  /** How many standbys PostgreSQL waits for, and of which. */
  readonly count: number
  readonly standbys: Names
}

/** What is wrong with a state; null: it is safe. */
export function unsafe(
  { leader, quorum, voters, count, standbys }: QuorumState,
  me: MemberName,
): string | null {
  if (voters.length === 0) return null
  const electing = union(voters, [leader])
  const acknowledging = union(standbys, [me])
  const together = union(electing, acknowledging).length
  if (together > quorum + count + 1)
    return `${together} nodes, quorum ${quorum} and count ${count} are too small`
  return isWithin(electing, acknowledging) || isWithin(acknowledging, electing)
    ? null
    : 'neither of the voters and the synchronous standbys are among the other'
}
