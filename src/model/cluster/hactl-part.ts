// The object `hactl` in the member keys of hactl's agents, which Patroni ignores.

import { isJsonObject, own } from '../settings/patch.ts'
import type { Json, JsonObject, Member, MemberRecord } from './cluster.ts'

/** Anybody can write a member key. */
const WARNINGS_MAX = 10

/** Empty: a Patroni agent wrote the key. */
export function hactlPart({ extra }: MemberRecord): JsonObject {
  const part = own(extra, 'hactl')
  return isJsonObject(part) ? part : {}
}

/** Codes that this version may not know. */
export function saidWarnings({ record }: Pick<Member, 'record'>): readonly string[] {
  const value: Json | undefined = own(hactlPart(record), 'warnings')
  return Array.isArray(value) ? value.filter(code => typeof code === 'string').slice(0, WARNINGS_MAX) : []
}

/** null: it is not said. */
export function saidText(record: MemberRecord, field: string): string | null {
  const value: Json | undefined = own(hactlPart(record), field)
  return typeof value === 'string' && value !== '' ? value : null
}
