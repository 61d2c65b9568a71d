// Why this node could not serve clients even if it led: it takes no part in races, and tells the others so.

import type { Facts } from './facts.ts'
import { hungServer } from './hung-server.ts'

/** A clause whose text does not change while the state lasts; null: nothing is known against it. */
export function unfit(facts: Facts): string | null {
  return hungServer(facts) === null ? null : 'its PostgreSQL hangs'
}
