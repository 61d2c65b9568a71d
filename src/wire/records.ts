// Every key of the cluster but the members: lenient readers and exact writers between etcd's text and the types of
// src/model/cluster/cluster.ts (spec/ha.md 1.2, 1.3). No reader throws, whatever somebody else wrote.

import type {
  ClusterStatus,
  DynamicConfig,
  HistoryLine,
  JsonObject,
  SyncState,
} from '../model/cluster/cluster.ts'
import type { Lsn, MemberName } from '../model/units.ts'
import {
  type ExactJson,
  type ExactObject,
  isObject,
  parseExact,
  stringifyExact,
  toJson,
  toJsonObject,
} from './exact-json.ts'
import { lsnOrNull, nameOrNull, textOrNull, timelineOrNull } from './fields.ts'

export { parseFailover, serialiseFailover, whyUnreadableFailover } from './failover-record.ts'
export { parseMember, serialiseMember } from './member-record.ts'

const ENTRIES_MAX = 10_000

/** `leader`: the name as it is; null when empty or not a possible name. */
export function parseLeader(text: string): MemberName | null {
  return nameOrNull(text)
}

/** `initialize`: empty while somebody bootstraps, else the system identifier; white space around it is dropped. */
export function parseInitialize(text: string): string {
  return text.slice(0, 64).trim()
}

export function parseConfig(text: string): DynamicConfig {
  const value = parseExact(text)
  if (value === undefined) return { valid: false, why: 'not JSON, or too large' }
  if (!isObject(value)) return { valid: false, why: 'not a JSON object' }
  return { valid: true, document: toJsonObject(value) }
}

export function serialiseConfig(document: JsonObject): string {
  return stringifyExact(document)
}

/** A bare integer is the position, as in the legacy key `optime/leader`; unreadable parts are null. */
export function parseStatus(text: string): ClusterStatus {
  const value = parseExact(text)
  if (!isObject(value)) return { optime: lsnOrNull(value), slots: null, retainSlots: null }
  return {
    optime: lsnOrNull(value.optime),
    slots: parseSlots(unwrap(value.slots)),
    retainSlots: parseNames(unwrap(value.retain_slots)),
    ...newcomersIn(parseNames(value.hactl_newcomer_slots)),
  }
}

function newcomersIn(slots: readonly string[] | null): Pick<ClusterStatus, 'newcomerSlots'> {
  return slots === null || slots.length === 0 ? {} : { newcomerSlots: slots }
}

// Some Patroni versions wrote `slots` and `retain_slots` as JSON within a JSON string.
function unwrap(value: ExactJson | undefined): ExactJson | undefined {
  return typeof value === 'string' ? parseExact(value) : value
}

function parseSlots(value: ExactJson | undefined): Readonly<Record<string, Lsn>> | null {
  if (!isObject(value)) return null
  const slots: Record<string, Lsn> = Object.create(null)
  for (const [name, item] of Object.entries(value).slice(0, ENTRIES_MAX)) {
    const position = lsnOrNull(item)
    if (position !== null) slots[name] = position
  }
  return slots
}

function parseNames(value: ExactJson | undefined): readonly string[] | null {
  if (!Array.isArray(value)) return null
  return (value as readonly ExactJson[]).slice(0, ENTRIES_MAX).filter(item => typeof item === 'string')
}

/** `foreign`: fields of other writers, which follow ours. */
export function serialiseStatus(status: ClusterStatus, foreign: ExactObject = {}): string {
  const { optime, slots, retainSlots, newcomerSlots = [] } = status
  return stringifyExact({
    optime: optime ?? undefined,
    slots: slots !== null && Object.keys(slots).length > 0 ? slots : undefined,
    retain_slots: retainSlots !== null && retainSlots.length > 0 ? retainSlots : undefined,
    hactl_newcomer_slots: newcomerSlots.length > 0 ? newcomerSlots : undefined,
    ...foreign,
  })
}

/** Field for field as Patroni writes it: names sorted, joined by commas; null for no standby at all. */
export function serialiseSync({ leader, quorum, standbys }: SyncState): string {
  return stringifyExact({
    leader,
    quorum,
    sync_standby: standbys.length === 0 ? null : [...standbys].sort().join(','),
  })
}

/** A missing, broken or leaderless value is the empty state. */
export function parseSync(text: string): SyncState {
  const value = parseExact(text)
  const leader = isObject(value) ? nameOrNull(value.leader) : null
  if (!isObject(value) || leader === null) return { leader: null, quorum: 0, standbys: [] }
  const quorum = value.quorum
  const standbys = value.sync_standby
  return {
    leader,
    quorum: typeof quorum === 'number' && Number.isInteger(quorum) && quorum >= 0 ? quorum : 0,
    standbys:
      typeof standbys === 'string'
        ? standbys
            .split(',', ENTRIES_MAX)
            .map(name => name.trim())
            .filter(name => name !== '')
        : [],
  }
}

/** null when the value is not a list; lines without timeline and position are left out. */
export function parseHistory(text: string): readonly HistoryLine[] | null {
  const value = parseExact(text)
  if (!Array.isArray(value)) return null
  return (value as readonly ExactJson[]).slice(-ENTRIES_MAX).flatMap(parseHistoryLine)
}

function parseHistoryLine(line: ExactJson): readonly HistoryLine[] {
  if (!Array.isArray(line)) return []
  const [first, second, third, fourth, fifth, ...more] = line as readonly ExactJson[]
  const timeline = timelineOrNull(first)
  const lsn = lsnOrNull(second)
  if (timeline === null || lsn === null) return []
  const timestamp = textOrNull(fourth)
  const leader = nameOrNull(fifth)
  return [
    {
      timeline,
      lsn,
      reason: textOrNull(third) ?? '',
      ...(timestamp !== null && { timestamp }),
      ...(leader !== null && { leader }),
      ...(more.length > 0 && { more: more.map(toJson) }),
    },
  ]
}

export function serialiseHistory(lines: readonly HistoryLine[]): string {
  return stringifyExact(lines.map(historyRow))
}

/** A line as the key and GET /history have it: its last parts may be missing. */
export function historyRow({ timeline, lsn, reason, timestamp, leader, more }: HistoryLine) {
  if (more !== undefined) return [timeline, lsn, reason, timestamp ?? '', leader ?? '', ...more]
  if (timestamp === undefined) return [timeline, lsn, reason]
  return leader === undefined
    ? [timeline, lsn, reason, timestamp]
    : [timeline, lsn, reason, timestamp, leader]
}
