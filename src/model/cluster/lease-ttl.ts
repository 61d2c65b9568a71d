// How long the lease of a member lasts after its last renewal. Each hactl node says it in its member key, because the `ttl`
// in force now may be another one than its lease was made with.

import type { Millis } from '../units.ts'
import type { MemberRecord } from './cluster.ts'
import { hactlPart } from './hactl-part.ts'

/** In the object `hactl` of the member key; seconds. */
export const LEASE_TTL_FIELD = 'lease_ttl'

/** No lease is that long: a number that somebody else wrote must not keep a cluster without a leader for ever. */
const SECONDS_MAX = 24 * 3600

/** null: it is not said, as by Patroni's agents. */
export function leaseTtlOf(record: MemberRecord): Millis | null {
  const seconds = hactlPart(record)[LEASE_TTL_FIELD]
  if (typeof seconds !== 'number' || !(seconds > 0)) return null
  return Math.min(seconds, SECONDS_MAX) * 1000
}
