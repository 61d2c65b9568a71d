// How a change is merged into the dynamic configuration (spec/interfaces.md 1.7), and when two values count as equal
// (1.12). The REST API, `edit-config` and a directory of YAML files all use the same rules.

import type { Json, JsonObject } from '../cluster/cluster.ts'
import { isJsonArray, pythonText } from './values.ts'

/**
 * null deletes, object into object recurses, anything else replaces unless the texts are equal (5 and "5" are, and
 * then the old type stays). A new key is inserted as it is, nested nulls included: a permanent slot may be null.
 * When nothing changes the very same `existing` is returned.
 */
export function patchDocument(existing: Json, patch: Json): Json {
  if (!isJsonObject(patch)) return sameText(existing, patch) ? existing : patch
  if (!isJsonObject(existing)) return patch
  const merged = new Map(Object.entries(existing))
  let changed = false
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      changed = merged.delete(key) || changed
      continue
    }
    const before = merged.get(key)
    const after = before === undefined ? value : patchDocument(before, value)
    if (after === before) continue
    merged.set(key, after)
    changed = true
  }
  // Object.fromEntries defines properties, so that a key called `__proto__` stays data.
  return changed ? Object.fromEntries(merged) : existing
}

/** Objects by their keys, recursively; everything else by text, as Patroni compares. true and "true" differ. */
export function deepEqualText(a: Json, b: Json): boolean {
  if (!isJsonObject(a) || !isJsonObject(b))
    return !isJsonObject(a) && !isJsonObject(b) && pythonText(a) === pythonText(b)
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every(key => {
      const [left, right] = [own(a, key), own(b, key)]
      return left !== undefined && right !== undefined && deepEqualText(left, right)
    })
  )
}

/** Deeper documents are refused before anything recurses into them: a stack overflow is not an answer. */
export const JSON_DEPTH_MAX = 64

/** Looks without recursion, so that the check itself cannot overflow. */
export function tooDeep(document: Json): boolean {
  let level: readonly Json[] = [document]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > JSON_DEPTH_MAX) return true
    level = level.flatMap(children)
  }
  return false
}

function children(value: Json): readonly Json[] {
  if (isJsonArray(value)) return value
  return value !== null && typeof value === 'object' ? Object.values(value) : []
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A property of the object itself: inherited names such as `constructor` are not keys of a document. */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function sameText(a: Json, b: Json): boolean {
  return !isJsonObject(a) && !isJsonObject(b) && pythonText(a) === pythonText(b)
}
