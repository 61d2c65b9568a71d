// A standby that asks its primary not to wait for it: since when, and the tags that say so.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { orderOf, wantedRestart } from '../order-facts.ts'

/** The tags count again once nothing is left that this node was to stop for. */
export function rememberLeavingSync(memory: Memory, snap: Snapshot): Memory {
  if (memory.leavingSyncSinceMs === null || snap.stopRequested || snap.work !== null) return memory
  const isOver = wantedRestart({ memory, snap }) === null && orderOf({ snap }, 'reinitialize') === null
  return isOver ? { ...memory, leavingSyncSinceMs: null } : memory
}

export function tagsOfLeaving(tags: JsonObject, { leavingSyncSinceMs }: Memory): JsonObject {
  return leavingSyncSinceMs === null ? tags : { ...tags, nosync: true, sync_priority: 0 }
}
