// A race that goes on with what was seen before the agent was suspended.

import type { Millis } from '../../../../model/units.ts'
import type { ClusterFacts } from '../../../facts.ts'

/** No race takes as long as this. */
const STALE_MS: Millis = 6000

/** Only a view that this beat read can grow old unnoticed: the watch reports its own silence. */
export function staleSight({ snap, view }: ClusterFacts): { readonly ageMs: Millis } | null {
  const ageMs = snap.cluster.known && view.source === 'read' ? snap.nowMs - snap.cluster.atMs : 0
  return ageMs > STALE_MS ? { ageMs } : null
}
