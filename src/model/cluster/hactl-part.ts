// The object `hactl` in the member keys of hactl's agents, which Patroni ignores.

import { isJsonObject, own } from '../settings/patch.ts'
import type { Json, JsonObject, MemberRecord } from './cluster.ts'

/** Empty: a Patroni agent wrote the key. */
export function hactlPart({ extra }: MemberRecord): JsonObject {
  const part = own(extra, 'hactl')
  return isJsonObject(part) ? part : {}
}

/** null: it is not said. */
export function saidText(record: MemberRecord, field: string): string | null {
  const value: Json | undefined = own(hactlPart(record), field)
  return typeof value === 'string' && value !== '' ? value : null
}
