// The member that this node copies its data from.

import type { Member } from '../../model/cluster/cluster.ts'
import type { Upstream } from '../../model/cluster/peer.ts'
import { isFlagged } from '../../wire/tags.ts'
import { type ClusterFacts, memberNamed, upstreamOf } from '../facts.ts'

/** The same, as a copy needs it. */
export function cloneUpstream(facts: ClusterFacts): Upstream | null {
  const source = cloneSource(facts)
  return source === null ? null : upstreamOf(source, facts.snap)
}

/** A running member tagged clonefrom, else the leader. The node's name spreads the choice, without randomness. */
export function cloneSource({ view, snap }: ClusterFacts): Member | null {
  if (view.leader === null || view.leader.name === snap.self.name) return null
  const leader = memberNamed(view, view.leader.name)
  const willing = view.members.filter(
    member =>
      member.name !== snap.self.name &&
      member.name !== view.leader?.name &&
      member.record.state === 'running' &&
      isFlagged(member.record.tags, 'clonefrom') &&
      upstreamOf(member, snap) !== null,
  )
  const pick =
    willing[
      [...snap.self.name].reduce((sum, char) => sum + (char.codePointAt(0) ?? 0), 0) %
        Math.max(1, willing.length)
    ]
  if (pick !== undefined) return pick
  return leader !== null && upstreamOf(leader, snap) !== null ? leader : null
}
