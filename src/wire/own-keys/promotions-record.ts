// The key `hactl/promotions`: which timeline numbers were handed out, to whom. Patroni ignores it.

import type { Promotions, RecordedPromotion } from '../../model/cluster/promotions.ts'
import { formatLsn, parseLsn } from '../../model/units.ts'
import { type ExactJson, isObject, parseExact, stringifyExact } from '../exact-json.ts'
import { nameOrNull, textOrNull, timelineOrNull } from '../fields.ts'

/** Only the highest number counts; the others are for people. */
const NUMBERS_MAX = 100

/** Never throws. null: the value does not say which data it is about. What cannot be read is left out. */
export function parsePromotions(text: string): Promotions | null {
  const value = parseExact(text)
  if (!isObject(value)) return null
  const systemIdentifier = textOrNull(value.system_identifier)
  const { promotions } = value
  if (systemIdentifier === null || !Array.isArray(promotions)) return null
  return { systemIdentifier, numbers: inOrder((promotions as readonly ExactJson[]).flatMap(parseNumber)) }
}

function parseNumber(value: ExactJson): readonly RecordedPromotion[] {
  if (!isObject(value)) return []
  const [timeline, from] = [timelineOrNull(value.timeline), timelineOrNull(value.from)]
  const [at, by] = [parseLsn(textOrNull(value.at) ?? ''), nameOrNull(value.by)]
  return timeline === null || from === null || at === null || by === null ? [] : [{ timeline, from, at, by }]
}

export function serialisePromotions({ systemIdentifier, numbers }: Promotions): string {
  return stringifyExact({
    system_identifier: systemIdentifier,
    promotions: inOrder(numbers).map(({ timeline, from, at, by }) => ({
      ...{ timeline, from, at: formatLsn(at), by },
    })),
  })
}

function inOrder(numbers: readonly RecordedPromotion[]): readonly RecordedPromotion[] {
  return [...numbers].sort((a, b) => a.timeline - b.timeline).slice(-NUMBERS_MAX)
}
