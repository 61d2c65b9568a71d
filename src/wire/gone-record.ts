// The list `hactl.gone` in the leader's member key: members whose own keys are gone while the leader keeps their slots.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import type { LostMember } from '../model/command/report.ts'
import { isJsonObject, own } from '../model/settings/patch.ts'
import { nameOrNull, textOrNull } from './fields.ts'
import { parseInstant } from './times.ts'

export function goneRow({ slot, name, since, slotUntil }: LostMember): JsonObject {
  return {
    slot,
    ...(name !== null && { name }),
    ...(since !== null && { since }),
    ...(slotUntil !== null && { until: slotUntil }),
  }
}

/** A row without a slot is left out; an unreadable field is null. */
export function parseGone(list: Json | undefined): readonly LostMember[] {
  return Array.isArray(list) ? (list as readonly Json[]).flatMap(parseRow) : []
}

function parseRow(row: Json): readonly LostMember[] {
  const slot = isJsonObject(row) ? textOrNull(own(row, 'slot')) : null
  if (!isJsonObject(row) || slot === null) return []
  const time = (field: string): string | null => {
    const text = textOrNull(own(row, field))
    return parseInstant(text) === null ? null : text
  }
  return [{ name: nameOrNull(own(row, 'name')), slot, since: time('since'), slotUntil: time('until') }]
}
