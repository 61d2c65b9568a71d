// Is the watchdog really on? For the object `hactl` of `GET /patroni`.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import type { Facts } from '../facts.ts'
import { missingWatchdog } from '../lead/watchdog.ts'

/** null: it is off, or nothing is known of it because this node does not lead and may do without. */
export function watchdogState(facts: Facts): JsonObject | null {
  const { self, fencer } = facts.snap
  if (self.watchdog === undefined || self.watchdog.mode === 'off') return null
  const { mode, device } = self.watchdog
  const open = fencer.watchdog ?? null
  if (open !== null) return { mode, device, active: true, timeout: open.timeoutS }
  const why = missingWatchdog(facts) ?? facts.memory.watchdogFailure?.why ?? null
  if (why !== null) return { mode, device, active: false, why }
  return mode === 'required' ? { mode, device, active: false } : null
}
