// A member's answer to `GET /patroni` (spec/interfaces.md 1.3), read in one place for the agents and for the commands.
// It may come from Patroni of any version or from hactl, so nothing in it is taken for granted; a missing part is null.

import type { JsonObject } from '../model/cluster/cluster.ts'
import { pythonTruth } from '../model/settings/values.ts'
import type { Lsn, Timeline } from '../model/units.ts'
import { type ExactJson, isObject, parseExact, toJson, toJsonObject } from './exact-json.ts'
import { lsnOrNull, roleOrNull, textOrNull, timelineOrNull } from './fields.ts'

export interface StatusAnswer {
  readonly state: string | null
  readonly role: string | null
  readonly replicationState: string | null
  /** As PostgreSQL reports it; another text means another postmaster. */
  readonly startedAt: string | null
  readonly serverVersion: number | null
  readonly timeline: Timeline | null
  /** null: the server did not answer. */
  readonly positions: Positions | null
  /** Who gets WAL from it; null: unreadable. Without a server the answer names nobody, and the list is empty. */
  readonly senders: readonly { readonly applicationName: string; readonly state: string }[] | null
  readonly tags: JsonObject
  readonly pendingRestart: boolean
  readonly pendingRestartReason: JsonObject
  readonly watchdogFailed: boolean
  readonly paused: boolean
  /** The protocol version that the member speaks, as Patroni counts. */
  readonly protocol: string | null
  /** Only hactl's agents send this. */
  readonly hactl: JsonObject | null
}

/** A primary has `written`, a standby has the others. */
interface Positions {
  readonly written: Lsn | null
  readonly received: Lsn | null
  readonly replayed: Lsn | null
}

const LENGTH_MAX = 4 << 20

/** null: no JSON object. */
export function parseStatusAnswer(body: string): StatusAnswer | null {
  const document = parseExact(body, LENGTH_MAX)
  if (!isObject(document)) return null
  return {
    state: textOrNull(document.state),
    role: roleOrNull(document.role),
    replicationState: textOrNull(document.replication_state),
    startedAt: textOrNull(document.postmaster_start_time),
    serverVersion: typeof document.server_version === 'number' ? document.server_version : null,
    timeline: timelineOrNull(document.timeline),
    positions: positionsOf(document.xlog ?? document.wal),
    senders: sendersOf(document.replication),
    tags: objectOrEmpty(document.tags),
    pendingRestart: document.pending_restart === true,
    pendingRestartReason: objectOrEmpty(document.pending_restart_reason),
    watchdogFailed: isTrue(document.watchdog_failed),
    paused: isTrue(document.pause),
    protocol: isObject(document.patroni) ? textOrNull(document.patroni.version) : null,
    hactl: isObject(document.hactl) ? toJsonObject(document.hactl) : null,
  }
}

function positionsOf(xlog: ExactJson | undefined): Positions | null {
  if (!isObject(xlog)) return null
  return {
    written: lsnOrNull(xlog.location),
    received: lsnOrNull(xlog.received_location),
    replayed: lsnOrNull(xlog.replayed_location),
  }
}

function sendersOf(list: ExactJson | undefined): StatusAnswer['senders'] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) return null
  return (list as readonly ExactJson[]).filter(isObject).map(sender => ({
    applicationName: String(sender.application_name),
    state: String(sender.state),
  }))
}

function objectOrEmpty(value: ExactJson | undefined): JsonObject {
  return isObject(value) ? toJsonObject(value) : {}
}

function isTrue(value: ExactJson | undefined): boolean {
  return pythonTruth(toJson(value ?? false))
}
