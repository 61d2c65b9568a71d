// `hactl edit-config`: works out the new dynamic configuration and stores it only if nobody changed it meanwhile. The
// command decides how changes are given (flags, files, editor) and whether to ask first.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import { PARAMETER_SECTIONS } from '../../model/server/parameter.ts'
import { isJsonObject, patchDocument } from '../../model/settings/patch.ts'
import type { Millis } from '../../model/units.ts'
import type { Operator } from '../use-case.ts'
import type { ParameterAdvice } from './parameter-advice.ts'
import type { ConfigReport } from './show-config.ts'

/** In the order in which they are applied: a replacement, then merges, then single settings. */
export type ConfigChange =
  | { readonly kind: 'replace'; readonly document: JsonObject }
  | { readonly kind: 'merge'; readonly document: JsonObject }
  /** A null value deletes the key, and parents that this leaves empty. */
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly value: Json }

export interface EditReport {
  readonly cluster: string
  readonly changed: boolean
  readonly stored: boolean
  /** Unified diff of the two documents as YAML; empty when nothing changes. */
  readonly diff: string
  /** Errors in the new document, which is then stored only with --force-invalid. */
  readonly problems: readonly string[]
  /** What the agents will ignore, adjust or not honour, though they accept the document. */
  readonly warnings: readonly string[]
  /** What happens once it is stored. */
  readonly notes: readonly string[]
  /** The judgement of the leader's PostgreSQL on the parameters that change; null: none changes. */
  readonly postgresql: ParameterAdvice | null
  readonly document: JsonObject
}

export function changeDocument(before: JsonObject, changes: readonly ConfigChange[]): JsonObject {
  return changes.reduce(applyChange, before)
}

function applyChange(document: JsonObject, change: ConfigChange): JsonObject {
  switch (change.kind) {
    case 'replace':
      return asObject(patchDocument({}, change.document))
    case 'merge':
      return asObject(patchDocument(document, change.document))
    case 'set':
      return setPath(document, change.path, change.value)
    default:
      return change satisfies never
  }
}

function asObject(value: Json): JsonObject {
  return isJsonObject(value) ? value : {}
}

function setPath(document: JsonObject, path: readonly string[], value: Json): JsonObject {
  const [key = '', ...rest] = path
  const others = Object.entries(document).filter(([name]) => name !== key)
  const present = Object.hasOwn(document, key)
  const child = present ? document[key] : undefined
  const after = rest.length === 0 ? value : pruned(setPath(isJsonObject(child) ? child : {}, rest, value))
  if (after === null) return Object.fromEntries(others)
  if (!present) return Object.fromEntries([...others, [key, after]])
  return Object.fromEntries(Object.entries(document).map(([name, old]) => [name, name === key ? after : old]))
}

function pruned(object: JsonObject): JsonObject | null {
  return Object.keys(object).length === 0 ? null : object
}

/**
 * Splits `a.b.c` of `--set a.b.c=1`. Below postgresql.parameters, or those of one role, the rest is one name, because
 * settings of extensions contain dots.
 */
export function settingPath(text: string): readonly string[] {
  const parts = text.split('.')
  const section = PARAMETER_SECTIONS.find(name => name === parts[1])
  if (parts[0] !== 'postgresql' || section === undefined || parts.length <= 3) return parts
  return ['postgresql', section, parts.slice(2).join('.')]
}

export async function storeConfig(
  operator: Operator,
  before: ConfigReport,
  document: JsonObject,
  budgetMs: Millis,
): Promise<Result<null>> {
  const outcome = await operator.store.writeConfig(before.cluster, document, before.revision, budgetMs)
  if (outcome.kind === 'done') return done(null)
  if (outcome.kind === 'unreachable') {
    const what = 'the configuration may have been stored all the same'
    const mayBeDone =
      outcome.mayBeWritten === true ? { what, look: `hactl show-config ${before.cluster}` } : null
    return failed({ kind: 'store-unreachable', why: outcome.why, mayBeDone })
  }
  return failed({
    kind: 'conflict',
    what: 'the configuration was changed by somebody else meanwhile; nothing was stored',
    hint: `look at it with hactl show-config ${before.cluster}, then edit again.`,
  })
}
