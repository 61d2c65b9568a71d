// Which keys below `members/` are members of a view, when there are more than a view shows, and which are none.

import type { ClusterView, Member, MemberRecord, RefusedKey } from '../model/cluster/cluster.ts'
import { slotName } from '../model/cluster/slot-name.ts'
import type { MemberName } from '../model/units.ts'
import { type Entry, MEMBER_TEXT_MAX, once } from './entry.ts'
import { TEXT_LENGTH_MAX } from './exact-json.ts'
import { parseFailsafe } from './failsafe/key.ts'
import {
  CONFIG,
  FAILOVER,
  FAILSAFE,
  LAST_LEADER,
  LEADER,
  MEMBERS,
  memberNameOf,
  SINGLE_KEYS,
  STATUS,
  SYNC,
  whyNoMember,
} from './keys.ts'
import { parseFailover, parseLeader, parseMember, parseStatus, parseSync } from './records.ts'

type Entries = ReadonlyMap<string, Entry>

/** A view shows so many members. */
const MEMBERS_MAX = 1000
const REFUSED_MAX = 20
const REFUSED_NAME_MAX = 100

/** Found in keys that only a leader or an operator writes. */
interface Named {
  /** Who leads, led, is waited for, or is spoken of in a request. */
  readonly needed: ReadonlySet<MemberName>
  /** Members that have streamed: the leader keeps slots for them, or asks them for their promise. */
  readonly known: ReadonlySet<MemberName>
  readonly slots: ReadonlySet<string>
}

function namedIn(entries: Entries, self: MemberName | null): Named {
  const of = <T>(key: string, parse: (text: string) => T): T | null => {
    const entry = entries.get(key)
    return entry === undefined ? null : once(entry, parse)
  }
  const failover = of(FAILOVER, parseFailover)
  const sync = of(SYNC, parseSync)
  const needed = [
    ...[self, of(LEADER, parseLeader), of(LAST_LEADER, parseLeader), sync?.leader ?? null],
    ...[failover?.leader ?? null, failover?.candidate ?? null, ...(sync?.standbys ?? [])],
  ]
  return {
    needed: new Set(needed.filter(name => name !== null)),
    known: new Set(Object.keys(of(FAILSAFE, parseFailsafe) ?? {})),
    slots: new Set(of(STATUS, parseStatus)?.retainSlots ?? []),
  }
}

/**
 * Names of members that the other keys speak of, the most important ones first: they are read by name where there are too
 * many keys to read them all. Of a slot only the slot's name is known, which is mostly the member's.
 */
export function namesThatCount(entries: Entries, self: MemberName | null): readonly MemberName[] {
  const { needed, known, slots } = namedIn(entries, self)
  return [...new Set([...needed, ...known, ...slots])]
}

/**
 * Of more members than a view shows, those that others speak of are kept, then those that the leader keeps slots for, then
 * those on a lease, which an agent keeps alive, then the rest; each by name, so that every node keeps the same. `unread`:
 * how many keys were not even read.
 */
export function membersOf(
  entries: Entries,
  self: MemberName | null,
  unread: number,
): Pick<ClusterView, 'members' | 'leftOutMembers'> {
  const members: Found[] = []
  for (const [key, entry] of entries) {
    const name = entry.tooLarge === undefined ? memberNameOf(key) : null
    if (name !== null) members.push({ name, entry })
  }
  const isCrowded = members.length > MEMBERS_MAX
  const left = unread + Math.max(0, members.length - MEMBERS_MAX)
  return {
    members: (isCrowded ? foremost(members, namedIn(entries, self)) : members).sort(byName).map(memberOf),
    ...(left > 0 ? { leftOutMembers: left } : {}),
  }
}

interface Found {
  readonly name: MemberName
  readonly entry: Entry
}

/** 0 is the most important. */
function rankOf({ name, entry }: Found, { needed, known, slots }: Named): number {
  if (needed.has(name)) return 0
  if (known.has(name) || slots.has(slotName(name))) return 1
  return entry.leaseId !== null ? 2 : 3
}

function foremost(members: readonly Found[], named: Named): Found[] {
  const ranks: [Found[], Found[], Found[], Found[]] = [[], [], [], []]
  for (const member of members) ranks[rankOf(member, named)]?.push(member)
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

/**
 * Keys below `members/` that are no members, and keys that are too large to be read: not passed over without a word. A
 * configuration and a request that cannot be read are told of as such.
 */
export function refusedOf(entries: Entries): Pick<ClusterView, 'refusedMembers' | 'refusedKeys'> {
  const refusedKeys: RefusedKey[] = []
  let refusedMembers = 0
  for (const [key, { tooLarge, text }] of entries) {
    const isSingle = SINGLE_KEYS.has(key)
    const length = tooLarge ?? text.length
    const lengthMax = isSingle ? TEXT_LENGTH_MAX : MEMBER_TEXT_MAX
    const tooLong = `its value is too large: ${length} characters, at most ${lengthMax}`
    const why = whyNoMember(key) ?? (length > lengthMax && !TOLD_OTHERWISE.has(key) ? tooLong : null)
    if (why === null) continue
    if (key.startsWith(MEMBERS)) refusedMembers += 1
    if (refusedKeys.length < REFUSED_MAX) refusedKeys.push({ key: key.slice(0, REFUSED_NAME_MAX), why })
  }
  return {
    ...(refusedMembers === 0 ? {} : { refusedMembers }),
    ...(refusedKeys.length === 0 ? {} : { refusedKeys }),
  }
}

const TOLD_OTHERWISE: ReadonlySet<string> = new Set([CONFIG, FAILOVER])
