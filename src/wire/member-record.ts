// The value of `members/<name>`: read leniently from whoever wrote it, written exactly as Patroni 4.1 orders it
// (spec/interfaces.md, Appendix B).

import type { JsonObject, MemberRecord } from '../model/cluster/cluster.ts'
import { MEMBER_TEXT_MAX } from './entry.ts'
import { type ExactObject, isObject, parseExact, stringifyExact, toJsonObject } from './exact-json.ts'
import { lsnOrNull, roleOrNull, textOrNull, timelineOrNull } from './fields.ts'

/** In the order in which they are written. */
const KNOWN_FIELDS = [
  'conn_url',
  'api_url',
  'state',
  'role',
  'version',
  'proxy_url',
  'checkpoint_after_promote',
  'tags',
  'pending_restart',
  'pending_restart_reason',
  'xlog_location',
  'replay_lsn',
  'receive_lsn',
  'replication_state',
  'timeline',
  'scheduled_restart',
  'pause',
] as const
const KNOWN: ReadonlySet<string> = new Set(KNOWN_FIELDS)

/** Never throws: a broken value reads as a member of which nothing is known (state and role `unknown`). */
export function parseMember(text: string): MemberRecord {
  if (text.startsWith('postgres')) return parseLegacyUrl(text)
  const value = text.length > MEMBER_TEXT_MAX ? undefined : parseExact(text)
  return isObject(value) ? fromObject(value) : fromObject({})
}

function fromObject(value: ExactObject): MemberRecord {
  const proxyUrl = textOrNull(value.proxy_url)
  const xlogLocation = lsnOrNull(value.xlog_location)
  const replayLsn = lsnOrNull(value.replay_lsn)
  const receiveLsn = lsnOrNull(value.receive_lsn)
  const replicationState = textOrNull(value.replication_state)
  const timeline = timelineOrNull(value.timeline)
  const reason = objectOrNull(value, 'pending_restart_reason')
  const scheduledRestart = objectOrNull(value, 'scheduled_restart')
  return {
    connUrl: textOrNull(value.conn_url),
    apiUrl: textOrNull(value.api_url),
    state: textOrNull(value.state) ?? 'unknown',
    role: roleOrNull(value.role) ?? 'unknown',
    version: textOrNull(value.version),
    ...(proxyUrl !== null && { proxyUrl }),
    ...(value.checkpoint_after_promote === false && { checkpointAfterPromote: false as const }),
    tags: objectOrNull(value, 'tags') ?? {},
    ...(value.pending_restart === true && { pendingRestart: true }),
    ...(reason !== null && { pendingRestartReason: reason }),
    ...(xlogLocation !== null && { xlogLocation }),
    ...(replayLsn !== null && { replayLsn }),
    ...(receiveLsn !== null && { receiveLsn }),
    ...(replicationState !== null && { replicationState }),
    ...(timeline !== null && { timeline }),
    ...(scheduledRestart !== null && { scheduledRestart }),
    ...(value.pause === true && { pause: true }),
    extra: extraOf(value),
  }
}

function objectOrNull(value: ExactObject, field: string): JsonObject | null {
  const item = value[field]
  return isObject(item) ? toJsonObject(item) : null
}

function extraOf(value: ExactObject): JsonObject {
  return toJsonObject(Object.fromEntries(Object.entries(value).filter(([key]) => !KNOWN.has(key))))
}

// Before JSON the value was `postgres://host:port/db?application_name=<api_url>`.
function parseLegacyUrl(text: string): MemberRecord {
  const at = text.indexOf('?')
  const query = at === -1 ? '' : text.slice(at + 1)
  return {
    ...fromObject({}),
    connUrl: textOrNull(at === -1 ? text : text.slice(0, at)),
    apiUrl: textOrNull(valueIn(query.slice(0, 4096), 'application_name')),
  }
}

/** The first value of `name` in a URL's query; null when there is none, or when it is wrongly encoded. */
function valueIn(query: string, name: string): string | null {
  const part = query.split('&').find(each => each.startsWith(`${name}=`))
  if (part === undefined) return null
  try {
    return decodeURIComponent(part.slice(name.length + 1).replaceAll('+', ' '))
  } catch {
    return null // A stray `%`.
  }
}

/** Compact JSON in Patroni's order, without empty fields; `extra` follows, and cannot replace a known field. */
export function serialiseMember(record: MemberRecord): string {
  const fields: Readonly<Record<(typeof KNOWN_FIELDS)[number], unknown>> = {
    conn_url: record.connUrl ?? undefined,
    api_url: record.apiUrl ?? undefined,
    state: record.state,
    role: record.role,
    version: record.version ?? undefined,
    proxy_url: record.proxyUrl,
    checkpoint_after_promote: record.checkpointAfterPromote,
    tags: nonEmpty(record.tags),
    pending_restart: record.pendingRestart === true ? true : undefined,
    pending_restart_reason: nonEmpty(record.pendingRestartReason),
    xlog_location: record.xlogLocation,
    replay_lsn: nonZero(record.replayLsn),
    receive_lsn: nonZero(record.receiveLsn),
    replication_state: record.replicationState,
    timeline: record.timeline,
    scheduled_restart: nonEmpty(record.scheduledRestart),
    pause: record.pause === true ? true : undefined,
  }
  const extra = Object.entries(record.extra).filter(([key]) => !Object.hasOwn(fields, key))
  return stringifyExact({ ...fields, ...Object.fromEntries(extra) })
}

function nonEmpty(value: JsonObject | undefined): JsonObject | undefined {
  return value !== undefined && Object.keys(value).length > 0 ? value : undefined
}

function nonZero(value: bigint | undefined): bigint | undefined {
  return value === 0n ? undefined : value
}
