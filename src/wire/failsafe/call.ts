// POST /failsafe as Patroni 4.1 sends and answers it (spec/ha.md 5.2, 5.3), and the one header that hactl adds.

import type { FailsafePing } from '../../model/cluster/failsafe.ts'
import { stringifyExact } from '../exact-json.ts'

export const FAILSAFE_ACCEPTED = 'Accepted'

/** Milliseconds for which a hactl member promises not to lead; Patroni ignores it and sends none. */
export const FAILSAFE_HOLDS_HEADER = 'hactl-holds-back-ms'

export function failsafeBody({ name, connUrl, apiUrl, slots }: FailsafePing): string {
  return stringifyExact({ name, conn_url: connUrl, api_url: apiUrl, slots })
}
