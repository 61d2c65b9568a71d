// Decisions as JSON: what JSON has no form for gets the form that a DBA reads.

import { formatLsn } from '../model/units.ts'

/** JSON text of any data: bigint as WAL position `X/X`, Map as object, Set as list, Error as its message. */
export function toJournalJson(value: unknown): string {
  return JSON.stringify(value ?? null, encode)
}

function encode(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value < 0n ? value.toString() : formatLsn(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  if (value instanceof Error) return value.message
  return value
}
