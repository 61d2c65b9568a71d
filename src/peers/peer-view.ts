// Reads another member's status document (spec/ha.md 3.8.6). It may come from Patroni of any version, so nothing in it is
// taken for granted: anything unexpected makes the member unknown, with that as the reason.

import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import type { PeerView } from '../model/cluster/peer.ts'
import { receiversOf } from '../model/cluster/peer.ts'
import { type Seen, seen, unseen } from '../model/seen.ts'
import { isJsonObject, own, tooDeep } from '../model/settings/patch.ts'
import { pythonTruth } from '../model/settings/values.ts'
import { type BootMillis, type Lsn, maxLsn } from '../model/units.ts'
import { failoverTags } from '../wire/tags.ts'

/** `atMs` is when the question was sent. */
export function readPeerView(body: string, atMs: BootMillis): Seen<PeerView> {
  const document = parseDocument(body)
  if (document === null) return unseen(`the answer is not a JSON object: ${excerpt(body)}`)
  const state = own(document, 'state')
  const role = own(document, 'role')
  if (typeof state !== 'string' || typeof role !== 'string')
    return unseen(`the answer is no status document: ${excerpt(body)}`)
  const xlog = own(document, 'xlog') ?? own(document, 'wal')
  const location = isJsonObject(xlog) ? lsnOf(own(xlog, 'location')) : null
  const isPrimary = (location ?? 0n) > 0n || role === 'primary' || role === 'master'
  const hactl = own(document, 'hactl')
  const leads = isJsonObject(hactl) && own(hactl, 'leads') === true
  const tags = own(document, 'tags')
  return seen(
    {
      state,
      role: role === 'master' ? 'primary' : role,
      runsAsPrimary: isPrimary || leads,
      position: isJsonObject(xlog) ? (isPrimary ? location : standbyPosition(xlog)) : null,
      timeline: timelineOf(own(document, 'timeline')),
      ...failoverTags(isJsonObject(tags) ? tags : {}),
      offHistory: isJsonObject(hactl) && own(hactl, 'off_history') === true,
      ...(isJsonObject(hactl) && own(hactl, 'receives_nothing') === true ? { receivesNothing: true } : {}),
      ...(isJsonObject(hactl) && own(hactl, 'without_configuration') === true
        ? { withoutConfiguration: true as const }
        : {}),
      ...(isJsonObject(hactl) && own(hactl, 'former_may_write') === true
        ? { formerMayWrite: true as const }
        : {}),
      watchdogFailed: pythonTruth(own(document, 'watchdog_failed') ?? false),
      paused: pythonTruth(own(document, 'pause') ?? false),
      ...(isJsonObject(hactl) ? receivers(document) : {}),
    },
    atMs,
  )
}

function standbyPosition(xlog: JsonObject): Lsn | null {
  return maxLsn(lsnOf(own(xlog, 'received_location')), lsnOf(own(xlog, 'replayed_location'))) ?? 0n
}

/** The list is left out when it is empty; without `server_version` the server was not looked at and nothing is known. */
function receivers(document: JsonObject): Pick<PeerView, 'receivers'> {
  if (typeof own(document, 'server_version') !== 'number') return {}
  const list = own(document, 'replication') ?? []
  if (!Array.isArray(list)) return {}
  const senders = (list as readonly Json[]).filter(isJsonObject).map(sender => ({
    applicationName: String(own(sender, 'application_name')),
    state: String(own(sender, 'state')),
  }))
  return { receivers: receiversOf(senders) }
}

function timelineOf(value: Json | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}

/** Integers beyond 2^53 arrive as their text (see `keepDigits`). */
function lsnOf(value: Json | undefined): Lsn | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : null
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? BigInt(value) : null
}

function parseDocument(body: string): JsonObject | null {
  try {
    const value = parseWithSource(body, keepDigits) as Json
    return isJsonObject(value) && !tooDeep(value) ? value : null
  } catch {
    return null
  }
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown

/** A double would lose bytes of a position beyond 8 PiB. */
function keepDigits(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? (context.source ?? value) : value
}

function excerpt(body: string): string {
  const line = body.slice(0, 80).replace(/[^ -~]+/g, ' ')
  return body.length > 80 ? `${line}…` : line
}
