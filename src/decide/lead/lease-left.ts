// Whether the lease itself lasts long enough for a node that is to be made primary. The promises of the members in failsafe mode
// are for a primary that runs: they do not count here.

import { demoteMarginMs, termOf } from '../../model/timing.ts'
import type { Facts } from '../facts.ts'

export function hasLeaseLeft({ snap: { lease, settings, nowMs } }: Facts): boolean {
  return lease.leaderUntilMs - nowMs > demoteMarginMs(termOf(lease, settings))
}
