// Why this node could not serve clients even if it led: it takes no part in races, and tells the others so.

import type { Facts } from './facts.ts'
import { describeDisk, failingServerDisk, hungDisk, hungServerDisk } from './failing-disk.ts'
import { hungServer } from './hung-server.ts'
import { whyOutside } from './rejoin/former-life.ts'

/** A clause whose text does not change while the state lasts; null: nothing is known against it. */
export function unfit(facts: Facts): string | null {
  const nobody = servesNobody(facts)
  if (nobody !== null) return nobody
  // What is written for its promotion would go to the other data, and its next start would be with that.
  const outside = whyOutside(facts)
  if (outside !== null) return outside
  const hung = hungDisk(facts)
  if (hung !== null) return describeDisk(hung)
  const disk = failingServerDisk(facts)
  // A write that has not come back yet may only be slow.
  return disk === null || disk.state === 'hangs' ? null : describeDisk(disk)
}

/**
 * For load balancers. A full disk is no reason: some of what a server does needs no room, and another may not be there. Nor is a
 * hung state directory: sessions that log nothing go on.
 */
export function servesNobody(facts: Facts): string | null {
  if (hungServer(facts) !== null) return 'its PostgreSQL hangs'
  const disk = hungServerDisk(facts)
  return disk === null ? null : describeDisk(disk)
}
