// Puts the raw keys of a cluster together as a ClusterView. Each value is parsed once, however often a view is asked
// for.

import type {
  ClusterStatus,
  ClusterView,
  Member,
  MemberRecord,
  UnreadableKey,
  Versioned,
} from '../model/cluster/cluster.ts'
import type { LeaseId, MemberName, Revision } from '../model/units.ts'
import { drainsOf } from './drain-record.ts'
import { parseFailsafe } from './failsafe/key.ts'
import {
  CONFIG,
  FAILOVER,
  FAILSAFE,
  GUARD,
  HISTORY,
  INITIALIZE,
  isRefusedMember,
  LAST_LEADER,
  LEADER,
  LEGACY_STATUS,
  memberNameOf,
  PROMOTIONS,
  STATUS,
  SYNC,
  TAKEOVERS,
} from './keys.ts'
import { parseGuard } from './own-keys/guard-record.ts'
import { parsePromotions } from './own-keys/promotions-record.ts'
import { parseTakeovers } from './own-keys/takeover-record.ts'
import {
  parseConfig,
  parseFailover,
  parseHistory,
  parseInitialize,
  parseLeader,
  parseMember,
  parseStatus,
  parseSync,
  whyUnreadableFailover,
} from './records.ts'

/** One key as etcd holds it. Immutable, so that its parsed value can be remembered. */
export interface Entry {
  readonly text: string
  /** null: the key outlives its writer. */
  readonly leaseId: LeaseId | null
  readonly modRevision: Revision
}

/** A view shows so many members. Which, is said at `membersOf`. */
const MEMBERS_MAX = 1000

/**
 * `entries` by relative key name. Unknown keys are ignored. `self` is the member that asks; null: no member does.
 */
export function clusterView(
  entries: ReadonlyMap<string, Entry>,
  revision: Revision,
  source: 'read' | 'watch',
  self: MemberName | null = null,
): ClusterView {
  const leader = leaderOf(entries.get(LEADER))
  const failover = presentOnly(versioned(entries.get(FAILOVER), parseFailover))
  const sync = versioned(entries.get(SYNC), parseSync)
  const { leader: from = null, candidate = null } = failover?.value ?? {}
  const { leader: protectedLeader = null, standbys = [] } = sync?.value ?? {}
  const needed = [self, leader?.name ?? null, protectedLeader, ...standbys, from, candidate]
  return {
    revision,
    source,
    initialize: initializeOf(entries.get(INITIALIZE)),
    config: versioned(entries.get(CONFIG), parseConfig),
    leader,
    lastLeader: versioned(entries.get(LAST_LEADER), parseLeader),
    guard: presentOnly(versioned(entries.get(GUARD), parseGuard)),
    ...membersOf(entries, new Set(needed)),
    status: statusOf(entries),
    failover,
    history: presentOnly(versioned(entries.get(HISTORY), parseHistory)),
    takeovers: versioned(entries.get(TAKEOVERS), parseTakeovers),
    promotions: presentOnly(versioned(entries.get(PROMOTIONS), parsePromotions)),
    sync,
    failsafe: presentOnly(versioned(entries.get(FAILSAFE), parseFailsafe)),
    unreadable: unreadableOf(entries.get(FAILOVER)),
    drains: drainsOf(entries),
    ...refusedOf(entries),
  }
}

const parsed = new WeakMap<Entry, unknown>()

function once<T>(entry: Entry, parse: (text: string) => T): T {
  const known = parsed.get(entry) as T | undefined
  if (known !== undefined || parsed.has(entry)) return known as T
  const value = sameText(entry.text, parse)
  parsed.set(entry, value)
  return value
}

/** The same text comes in several entries: from a write of our own, from the watch and from each read. */
const TEXTS_MAX = 100
const TEXT_LENGTH_MAX = 4096
const byText = new Map<(text: string) => unknown, Map<string, unknown>>()

function sameText<T>(text: string, parse: (text: string) => T): T {
  if (text.length > TEXT_LENGTH_MAX) return parse(text)
  const texts = byText.get(parse) ?? new Map<string, unknown>()
  if (texts.size === 0) byText.set(parse, texts)
  const known = texts.get(text) as T | undefined
  if (known !== undefined) return known
  if (texts.size >= TEXTS_MAX) texts.clear()
  const value = parse(text)
  texts.set(text, value)
  return value
}

function versioned<T>(entry: Entry | undefined, parse: (text: string) => T): Versioned<T> | null {
  return entry === undefined ? null : { value: once(entry, parse), modRevision: entry.modRevision }
}

function presentOnly<T>(item: Versioned<T | null> | null): Versioned<T> | null {
  return item === null || item.value === null ? null : { value: item.value, modRevision: item.modRevision }
}

/** A request that nobody understands must not vanish without a word. */
function unreadableOf(failover: Entry | undefined): readonly UnreadableKey[] {
  if (failover === undefined || once(failover, parseFailover) !== null) return []
  const why = whyUnreadableFailover(failover.text)
  return why === null ? [] : [{ key: FAILOVER, modRevision: failover.modRevision, why }]
}

function initializeOf(entry: Entry | undefined): ClusterView['initialize'] {
  const key = versioned(entry, parseInitialize)
  return key === null || entry === undefined ? null : { ...key, leaseId: entry.leaseId }
}

function leaderOf(entry: Entry | undefined): ClusterView['leader'] {
  const name = entry === undefined ? null : once(entry, parseLeader)
  if (entry === undefined || name === null) return null
  return { name, leaseId: entry.leaseId, modRevision: entry.modRevision }
}

/**
 * Of more members than a view shows, those that others speak of are kept, then those on a lease, which an agent keeps
 * alive, then the rest; each by name, so that every node keeps the same.
 */
function membersOf(
  entries: ReadonlyMap<string, Entry>,
  needed: ReadonlySet<MemberName | null>,
): Pick<ClusterView, 'members' | 'leftOutMembers'> {
  const members: Found[] = []
  for (const [key, entry] of entries) {
    const name = memberNameOf(key)
    if (name !== null) members.push({ name, entry })
  }
  const left = members.length - MEMBERS_MAX
  return {
    members: (left > 0 ? foremost(members, needed) : members).sort(byName).map(memberOf),
    ...(left > 0 ? { leftOutMembers: left } : {}),
  }
}

interface Found {
  readonly name: MemberName
  readonly entry: Entry
}

function foremost(members: readonly Found[], needed: ReadonlySet<MemberName | null>): Found[] {
  const ranks: [Found[], Found[], Found[]] = [[], [], []]
  for (const member of members)
    ranks[needed.has(member.name) ? 0 : member.entry.leaseId !== null ? 1 : 2].push(member)
  const kept: Found[] = []
  for (const rank of ranks) {
    const room = MEMBERS_MAX - kept.length
    if (room > 0) kept.push(...(rank.length > room ? rank.sort(byName).slice(0, room) : rank))
  }
  return kept
}

function byName(a: Found, b: Found): number {
  return a.name < b.name ? -1 : 1
}

function memberOf({ name, entry }: Found): Member {
  const record: MemberRecord = once(entry, parseMember)
  return { name, leaseId: entry.leaseId, modRevision: entry.modRevision, record }
}

function refusedOf(entries: ReadonlyMap<string, Entry>): Pick<ClusterView, 'refusedMembers'> {
  let refusedMembers = 0
  for (const key of entries.keys()) if (isRefusedMember(key)) refusedMembers += 1
  return refusedMembers === 0 ? {} : { refusedMembers }
}

// `status` wins over `optime/leader`, which only members older than 2.1 need.
function statusOf(entries: ReadonlyMap<string, Entry>): Versioned<ClusterStatus> | null {
  return versioned(entries.get(STATUS) ?? entries.get(LEGACY_STATUS), parseStatus)
}
