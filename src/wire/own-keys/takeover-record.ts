// The key `hactl/history`: why the leadership changed hands. Patroni ignores it.

import { TAKEOVER_CAUSES, type TakeoverNote } from '../../model/cluster/takeover.ts'
import { type ExactJson, isObject, parseExact, stringifyExact } from '../exact-json.ts'
import { bytesOrNull, nameOrNull, textOrNull, timelineOrNull } from '../fields.ts'

const NOTES_MAX = 10_000

/** Never throws; what cannot be read is left out. */
export function parseTakeovers(text: string): readonly TakeoverNote[] {
  const value = parseExact(text)
  return Array.isArray(value) ? (value as readonly ExactJson[]).slice(-NOTES_MAX).flatMap(parseNote) : []
}

function parseNote(value: ExactJson): readonly TakeoverNote[] {
  if (!isObject(value)) return []
  const timeline = timelineOrNull(value.timeline)
  const [from, to, at] = [nameOrNull(value.from), nameOrNull(value.to), textOrNull(value.at)]
  const ms = value.leaderless_ms
  if (timeline === null || from === null || to === null || at === null || typeof ms !== 'number') return []
  return [
    {
      ...{ timeline, from, to, at, by: textOrNull(value.by), leaderlessMs: ms },
      cause: TAKEOVER_CAUSES.find(cause => cause === value.cause) ?? 'unknown',
      lostBytes: bytesOrNull(value.lost_bytes),
      ...(value.settled === true ? { settled: true as const } : {}),
    },
  ]
}

export function serialiseTakeovers(notes: readonly TakeoverNote[]): string {
  return stringifyExact(
    notes.map(({ timeline, cause, by, from, to, at, leaderlessMs, lostBytes, settled }) => ({
      ...{ timeline, cause, by, from, to, at, leaderless_ms: leaderlessMs, lost_bytes: lostBytes, settled },
    })),
  )
}
