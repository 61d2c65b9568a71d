// What only hactl's agents say: the object `hactl` of their member keys, which Patroni ignores.

import { isJsonObject, own } from '../settings/patch.ts'
import type { Json, JsonObject, MemberRecord } from './cluster.ts'

/** Empty: Patroni's agent wrote it. */
export function hactlPart({ extra }: MemberRecord): JsonObject {
  const part = own(extra, 'hactl')
  return isJsonObject(part) ? part : {}
}

/** null: it is not said. */
export function saidText(record: MemberRecord, field: string): string | null {
  const value: Json | undefined = own(hactlPart(record), field)
  return typeof value === 'string' && value !== '' ? value : null
}
