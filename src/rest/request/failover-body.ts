// The body of POST /switchover and POST /failover. It is honoured whole or not at all: without an unknown key, or a
// value of the wrong type, it would be another request. Patroni ignores both.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { isJsonObject, own } from '../../model/settings/patch.ts'
import type { MemberName, WallMillis } from '../../model/units.ts'
import { printableNameOrNull } from '../../wire/fields.ts'
import { parseInstant } from '../../wire/times.ts'
import { type Reply, text } from '../reply.ts'

export interface Asked {
  readonly leader: MemberName | null
  readonly candidate: MemberName | null
  readonly scheduledAt: unknown
  /** The fields that hactl's own command adds; null: another client. */
  readonly note: AskedNote | null
}

interface AskedNote {
  readonly id: string
  readonly by: string
  /** Until then the command waits; then it withdraws the request itself. null: for a scheduled one. */
  readonly untilMs: WallMillis | null
}

type ReadBody = { readonly ok: true; readonly asked: Asked } | { readonly ok: false; readonly reply: Reply }

const KEYS: readonly string[] = ['leader', 'candidate', 'member', 'scheduled_at', 'hactl']
const NOTE_KEYS: readonly string[] = ['id', 'requested_by', 'valid_until']

/** Empty texts and null count as absent; `member` is an older name of `candidate`. */
export function readAsked(body: JsonObject): ReadBody {
  const unknown = Object.keys(body).find(key => !KEYS.includes(key))
  if (unknown !== undefined) return refuse(`unknown key "${loggable(unknown)}": nothing was requested`)
  const wrong = ['leader', 'candidate', 'member'].find(
    key => given(body, key) && printableNameOrNull(own(body, key)) === null,
  )
  if (wrong !== undefined) return refuse(`${wrong} is not the name of a member: nothing was requested`)
  const hactl = own(body, 'hactl')
  const note = hactl === undefined || hactl === null ? null : readNote(hactl)
  if (note === 'unreadable') return refuse('hactl is not understood: nothing was requested')
  const name = (key: string): string | null => (given(body, key) ? String(own(body, key)) : null)
  return {
    ok: true,
    asked: {
      leader: name('leader'),
      candidate: name('candidate') ?? name('member'),
      scheduledAt: given(body, 'scheduled_at') ? own(body, 'scheduled_at') : undefined,
      note,
    },
  }
}

function given(body: JsonObject, key: string): boolean {
  const value = own(body, key)
  return value !== undefined && value !== null && value !== ''
}

function readNote(value: Json): AskedNote | 'unreadable' {
  if (!isJsonObject(value) || Object.keys(value).some(key => !NOTE_KEYS.includes(key))) return 'unreadable'
  const [id, by, until] = [own(value, 'id'), own(value, 'requested_by'), own(value, 'valid_until') ?? null]
  if (typeof id !== 'string' || typeof by !== 'string' || id === '' || by === '') return 'unreadable'
  if (until === null) return { id, by: loggable(by), untilMs: null }
  const untilMs = typeof until === 'string' ? parseInstant(until) : null
  return untilMs === null ? 'unreadable' : { id, by: loggable(by), untilMs }
}

function refuse(why: string): ReadBody {
  return { ok: false, reply: text(400, why) }
}

/** A client's text on one line and of bounded length. */
export function loggable(sent: string): string {
  return sent.replace(/[^ -~]/g, '?').slice(0, 100)
}
