// Decisions as JSON: values that JSON has no form for are written as a DBA would read them.

import { printableJson } from '../model/command/printable.ts'
import { formatLsn } from '../model/units.ts'

/**
 * Amounts of WAL, not positions in it: lags, limits, losses. Everything else that is a bigint is a position. With a
 * capital letter, which no slot's name can have: the names of slots are keys too.
 */
const AMOUNT = /Bytes$|Lag$|^maximumLag/

/**
 * JSON text of any data: bigint as WAL position `X/X`, or as number of bytes where its name says that it is an amount
 * (as digits in quotes beyond what a double holds), Map as object, Set as list, Error as its message.
 */
export function toJournalJson(value: unknown): string {
  return printableJson(JSON.stringify(value ?? null, encode))
}

function encode(key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return AMOUNT.test(key) || value < 0n ? amount(value) : formatLsn(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  if (value instanceof Error) return value.message
  return value
}

function amount(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
}
