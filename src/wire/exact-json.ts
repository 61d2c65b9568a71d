// JSON as it is in etcd: integers of any size are read and written exactly (a double loses WAL bytes beyond
// 2^53), hostile texts are bounded, and a key `__proto__` never survives.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import { JSON_DEPTH_MAX } from '../model/settings/patch.ts'

/** The value of a JSON text in which integers beyond 2^53 are kept as bigint. */
export type ExactJson = null | boolean | number | bigint | string | readonly ExactJson[] | ExactObject
export interface ExactObject {
  readonly [key: string]: ExactJson
}

/** A longer text is not read. */
export const TEXT_LENGTH_MAX = 1 << 20

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

/** An integer that may be beyond 2^53, or a key `__proto__`, plain or with escapes. */
const NEEDS_REVIVER = /\d{16}|__proto__|\\u/

/** undefined when the text is not JSON, longer than `lengthMax` characters or nested deeper than 64 levels. */
export function parseExact(text: string, lengthMax = TEXT_LENGTH_MAX): ExactJson | undefined {
  if (text.length > lengthMax || nestsTooDeep(text)) return undefined
  try {
    // A reviver makes parsing five times slower, and what every beat reads hardly ever needs it.
    return (NEEDS_REVIVER.test(text) ? parseWithSource(text, reviveExactly) : JSON.parse(text)) as ExactJson
  } catch {
    return undefined
  }
}

function reviveExactly(
  this: unknown,
  key: string,
  value: unknown,
  context: { readonly source?: string },
): unknown {
  if (key === '__proto__' && !Array.isArray(this)) return undefined
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const { source } = context
  return source !== undefined && /^-?\d{1,400}$/.test(source) ? BigInt(source) : value
}

// Counts brackets outside strings. Without this a text of a million `[` would exhaust the stack of every later reader.
function nestsTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inString) {
      if (code === 0x5c) at++
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > JSON_DEPTH_MAX) return true
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return false
}

/** Compact without `indent`; a bigint is written as a plain integer, a field that is undefined is left out. */
export function stringifyExact(value: unknown, indent = 0): string {
  const plain = (_key: string, item: unknown) => (typeof item === 'bigint' ? rawJSON(item.toString()) : item)
  return JSON.stringify(value, plain, indent)
}

export function isObject(value: ExactJson | undefined): value is ExactObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The same document in the model's type: integers beyond 2^53, which no setting needs, become the nearest double. */
export function toJson(value: ExactJson): Json {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(item => toJson(item as ExactJson))
  if (isObject(value)) return toJsonObject(value)
  return value as Json
}

export function toJsonObject(value: ExactObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]))
}
