// Who may lead in synchronous mode (spec/ha.md 3.8.2, 3.8.5): the leader and the standbys that `/sync` names, and in quorum
// mode whoever sees enough of them not ahead of itself. Any other node may lack something that was acknowledged.

import type { MemberName } from '../../model/units.ts'
import { rivals } from '../election/rivals.ts'
import { type ClusterFacts, localPosition } from '../facts.ts'
import { has, type Names, union } from './names.ts'

interface SyncElection {
  readonly leader: MemberName
  /** Of the other voters, how many have to be not ahead of a candidate that is one. */
  readonly quorum: number
  /** The leader and the standbys. */
  readonly voters: Names
  /** Only a voter may be elected. */
  readonly isClosed: boolean
}

/** null: synchronous mode is off, or was never put in force. */
export function syncElection({ snap, view }: ClusterFacts): SyncElection | null {
  const { synchronousMode } = snap.settings
  const state = view.sync?.value ?? null
  if (synchronousMode === 'off' || state === null || state.leader === null) return null
  const voters = union([state.leader], state.standbys)
  return { leader: state.leader, quorum: state.quorum, voters, isClosed: synchronousMode === 'on' }
}

/** Text for a decision's `reason`: why this node may not lead; null: it may. A manual failover overrides this. */
export function notElectable(facts: ClusterFacts): string | null {
  const election = syncElection(facts)
  if (election === null) return null
  const { voters, isClosed } = election
  const isVoter = has(voters, facts.snap.self.name)
  if (!isVoter && isClosed)
    return `synchronous mode is on, and this node is not among those that have everything (${voters.join(', ')})`
  return null
}

/** The same for the votes of the others, by the answers of this beat. */
export function lacksVotes(facts: ClusterFacts): string | null {
  const election = syncElection(facts)
  const own = localPosition(facts.snap)
  if (
    election === null ||
    own === null ||
    (election.quorum === 0 && has(election.voters, facts.snap.self.name))
  )
    return null
  const { leader, quorum, voters } = election
  const me = facts.snap.self.name
  const needed = has(voters, me) ? quorum : quorum + 1
  const answers = rivals(facts).filter(({ name, peer }) => has(voters, name) && peer.position !== null)
  const ahead = answers.filter(({ peer }) => isAhead(peer, own))
  const votes = answers.filter(({ peer }) => !isAhead(peer, own) && !peer.offHistory && peer.position !== 0n)
  if (votes.length >= needed || (ahead.length === 0 && leader === me)) return null
  const heard = votes.map(({ name }) => name).join(', ') || 'nobody'
  return `it takes ${needed} of ${voters.join(', ')} that are not ahead of this node; that much is known of ${heard}`
}

function isAhead(
  peer: { readonly timeline: number | null; readonly position: bigint | null },
  own: { readonly timeline: number; readonly lsn: bigint },
): boolean {
  const timeline = peer.timeline ?? own.timeline
  if (timeline !== own.timeline) return timeline > own.timeline
  return peer.position !== null && peer.position > own.lsn
}
