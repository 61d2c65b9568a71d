// How long a member's lease lasts after its last renewal. Each hactl node publishes it in its member key, because its
// lease may have another ttl than the one in force now.

import type { Millis } from '../units.ts'
import type { MemberRecord } from './cluster.ts'
import { hactlPart } from './hactl-part.ts'

/** In the object `hactl` of the member key; seconds. */
export const LEASE_TTL_FIELD = 'lease_ttl'

/** No lease is longer: a wrong number in a member key must not keep a cluster without a leader for ever. */
const SECONDS_MAX = 24 * 3600

/** null: not published, as by Patroni's agents. */
export function leaseTtlOf(record: MemberRecord): Millis | null {
  const seconds = hactlPart(record)[LEASE_TTL_FIELD]
  if (typeof seconds !== 'number' || !(seconds > 0)) return null
  return Math.min(seconds, SECONDS_MAX) * 1000
}
