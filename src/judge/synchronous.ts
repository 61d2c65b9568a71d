// Who may take over while replication is synchronous, and which acknowledged commits a candidate may lack (spec/ha.md
// 3.8.7). `/sync` says who has them: in mode `on` each standby that it names has all of them; in quorum mode any `quorum` + 1
// of its members, taken together, have them.

import type { SyncState } from '../model/cluster/cluster.ts'
import type { CandidateVerdict } from '../model/cluster/verdict.ts'
import type { MemberName } from '../model/units.ts'
import type { ClusterModes } from '../wire/modes.ts'
import { hasName } from './candidates.ts'

export interface SyncSituation {
  readonly modes: Pick<ClusterModes, 'synchronousMode'>
  readonly sync: SyncState | null
  /** Somebody holds the leader key. */
  readonly isLed: boolean
}

/** The names that may win without being forced to; null: synchronous replication is not active. */
export function votersOf({ modes, sync, isLed }: SyncSituation): readonly MemberName[] | null {
  if (modes.synchronousMode === 'off') return null
  if (!sync?.leader) return modes.synchronousMode === 'on' && isLed ? [] : null
  return isLed ? sync.standbys : [sync.leader, ...sync.standbys]
}

/** The mode is on, and no commit waited for `name`: neither the leader of `/sync` nor a standby in it. */
export function isAsynchronous({ modes, sync }: SyncSituation, name: MemberName): boolean {
  if (modes.synchronousMode === 'off') return false
  return !hasName(sync?.leader ? [sync.leader, ...sync.standbys] : [], name)
}

/**
 * Why these members, each with everything that the leader wrote, do not suffice for an election without a named candidate;
 * null: they do. In quorum mode a winner needs the votes of others (spec/ha.md 3.8.7).
 */
export function shortOfQuorum(situation: SyncSituation, able: readonly MemberName[]): string | null {
  const { modes, sync } = situation
  if (modes.synchronousMode !== 'quorum' || !sync?.leader) return null
  const voters = votersOf(situation) ?? []
  const count = able.filter(name => hasName(voters, name)).length
  const needed = sync.quorum + 1
  if (count >= needed) return null
  return `quorum requirement ${sync.quorum} can not be reached: ${count} of ${needed} voters can take over`
}

/** Why `winner` may lack acknowledged commits if no leader hands over to it; null: it has all of them. */
export function mayLackCommits(
  winner: MemberName,
  situation: SyncSituation,
  verdicts: readonly CandidateVerdict[],
): string | null {
  const { modes, sync } = situation
  if (modes.synchronousMode === 'off' || !sync?.leader) return null
  if (modes.synchronousMode === 'on')
    return isAsynchronous(situation, winner) ? 'it is not a synchronous standby' : null
  const needed = sync.quorum + (isAsynchronous(situation, winner) ? 1 : 0)
  const votes = votesFor(winner, [sync.leader, ...sync.standbys], verdicts)
  if (votes >= needed) return null
  return `quorum mode: ${votes} of ${needed} other voters answer and have no more WAL than it`
}

/** Voters that can be asked and are not ahead. */
function votesFor(
  winner: MemberName,
  voters: readonly MemberName[],
  verdicts: readonly CandidateVerdict[],
): number {
  const own = verdicts.find(({ name }) => name === winner)?.position ?? null
  if (own === null) return 0
  const isVote = ({ name, code, position }: CandidateVerdict): boolean =>
    name !== winner && hasName(voters, name) && code === 'good' && position !== null && position <= own
  return verdicts.filter(isVote).length
}
