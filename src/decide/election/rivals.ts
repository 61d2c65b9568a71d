// The peers that answered in this beat.

import type { PeerView } from '../../model/cluster/peer.ts'
import type { MemberName } from '../../model/units.ts'
import type { ClusterFacts } from '../facts.ts'

/** A peer that answered and may take part in a race. */
export interface Rival {
  readonly name: MemberName
  readonly peer: PeerView
}

export function rivals({ snap }: ClusterFacts): readonly Rival[] {
  const answered: Rival[] = []
  for (const [name, answer] of snap.peers ?? []) if (answer.known) answered.push({ name, peer: answer.value })
  return answered
}
