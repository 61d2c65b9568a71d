// The body of POST /restart: filters, a time-out, a time. Keys are checked in the order in which they came; the first
// wrong one decides the answer, in Patroni's words (spec/interfaces.md 1.8).

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import type { RestartFilters } from '../../model/decision/order.ts'
import { readServerVersion } from '../../model/server/server-version.ts'
import { parseInteger, pythonText } from '../../model/settings/values.ts'
import type { Millis, WallMillis } from '../../model/units.ts'
import { parseSchedule } from '../../wire/times.ts'
import { type Reply, text } from '../reply.ts'
import { loggable } from './failover-body.ts'

interface AskedRestart {
  readonly filters: RestartFilters
  readonly timeoutMs: Millis | null
  /** null: at once. */
  readonly atMs: WallMillis | null
  /** As it is shown: the time in ISO 8601, the time-out in seconds. */
  readonly shown: JsonObject
}

type ReadRestart =
  | { readonly ok: true; readonly asked: AskedRestart }
  | { readonly ok: false; readonly reply: Reply }

const ROLES: readonly Json[] = ['primary', 'standby_leader', 'replica']

export function readRestart(body: JsonObject, nowWallMs: WallMillis): ReadRestart {
  let filters: RestartFilters = {}
  let timeoutMs: Millis | null = null
  let atMs: WallMillis | null = null
  let shown: JsonObject = {}
  for (const [key, value] of Object.entries(body)) {
    const read = readKey(key, value, nowWallMs)
    if ('reply' in read) return { ok: false, reply: read.reply }
    filters = { ...filters, ...read.filters }
    timeoutMs = read.timeoutMs ?? timeoutMs
    atMs = read.atMs ?? atMs
    shown = { ...shown, [key]: read.shown ?? value }
  }
  return { ok: true, asked: { filters, timeoutMs, atMs, shown } }
}

type ReadKey =
  | { readonly reply: Reply }
  | {
      readonly filters?: RestartFilters
      readonly timeoutMs?: Millis
      readonly atMs?: WallMillis
      readonly shown?: Json
    }

function readKey(key: string, value: Json, nowWallMs: WallMillis): ReadKey {
  switch (key) {
    case 'schedule': {
      const at = parseSchedule(value, 'restart', nowWallMs)
      return at.ok ? { atMs: at.wallMs, shown: at.text } : { reply: text(at.status, at.why) }
    }
    case 'role':
      return ROLES.includes(value)
        ? { filters: { role: String(value) } }
        : refuse('PostgreSQL role should be either primary, standby_leader, or replica')
    case 'postgres_version':
      return readVersion(value)
    case 'timeout': {
      const seconds = parseInteger(value, 's')
      return seconds !== null && seconds > 0
        ? { timeoutMs: seconds * 1000, shown: seconds }
        : refuse('Timeout should be a positive number of seconds')
    }
    case 'restart_pending':
      // The presence of the key is the filter, whatever its value.
      return { filters: { pendingOnly: true } }
    default:
      return refuse(`Unknown filter for the scheduled restart: ${loggable(key)}`)
  }
}

function readVersion(value: Json): ReadKey {
  const shown = loggable(typeof value === 'string' ? value : pythonText(value))
  const read = readServerVersion(shown)
  if (read.ok) return { filters: { olderThan: { text: shown, number: read.number } } }
  return read.wrong === 'form'
    ? refuse(`Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ${shown}`)
    : refuse(`Invalid PostgreSQL version: ${shown}`)
}

function refuse(why: string): ReadKey {
  return { reply: text(400, why) }
}
