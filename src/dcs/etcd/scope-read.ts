// A read of a cluster that is bounded by what is needed, and not by what is below the prefix. The first question is for the
// single keys and for the names of members, without values; the second, at the same revision, for the values of members: of
// those that other keys speak of, then of those on a lease, which an agent keeps alive, and of the rest only a little. So
// nothing that somebody else puts below `members/`, however large, is read before what counts.
//
// etcd takes no key with its value above 1.5 MB (`--max-request-bytes`), so the sizes follow from the numbers: the first
// answer has at most 13 values and 50 names, the others 60 of either, and RECEIVE_BYTES_MAX lets them through.

import type { MemberName } from '../../model/units.ts'
import { bounded, type Entry } from '../../wire/entry.ts'
import { DRAINS, drainKey, isKnownKey, MEMBERS, memberKey, SINGLE_KEYS } from '../../wire/keys.ts'
import { namesThatCount } from '../../wire/view-members.ts'
import type { KeySpace } from './key-space.ts'

/** What one answer of etcd may be. */
export const RECEIVE_BYTES_MAX = 96 << 20

export interface RangeQuestion {
  readonly key: Buffer
  /** Absent: one key. */
  readonly range_end?: Buffer
  readonly limit?: number
  readonly keys_only?: boolean
  /** Absent: the newest. */
  readonly revision?: string
}

interface RangeFound {
  readonly kvs: readonly { readonly key: Buffer; readonly entry: Entry }[]
  /** In the whole range, also beyond the limit. */
  readonly count: number
}

/** The answer to several questions in one transaction. */
export interface Found {
  readonly ok: true
  readonly revision: string
  readonly ranges: readonly RangeFound[]
}

type Failed = { readonly ok: false }

/** Never rejects. */
export type Ask<F extends Found, E extends Failed> = (questions: readonly RangeQuestion[]) => Promise<F | E>

export interface ScopeRead<F extends Found> {
  readonly ok: true
  /** The answer that the revision comes from. */
  readonly first: F
  readonly entries: ReadonlyMap<string, Entry>
  /** How many keys below `members/` are not in `entries`. */
  readonly unread: number
}

/** More than clusters have, or there are more questions. A name may be as large as a value. */
const FIRST_MEMBERS = 40
const FIRST_DRAINS = 10
const PAGE_KEYS = 60
const LISTED_MAX = 5000
/** So many at first and while they are large; twice as many each time while they are small. */
const VALUES_AT_ONCE = 8
const VALUES_AT_ONCE_MAX = 60
const SMALL_CHARACTERS = 1 << 20
const VALUES_MAX = 1000
/** After that no more is read: of those that count, and of the others. */
const CHARACTERS_MAX = 32 << 20
const OTHERS_CHARACTERS_MAX = 1 << 20

/**
 * `self`: a member that is looked for by name; null: none. `known`: names that are looked for after those that other keys
 * speak of. Fails if what counts cannot be read: half of the members would read as if the others were gone.
 */
export async function readScope<F extends Found, E extends Failed>(
  keys: KeySpace,
  ask: Ask<F, E>,
  self: MemberName | null,
  known: readonly MemberName[] = [],
): Promise<ScopeRead<F> | E> {
  const singles = [...SINGLE_KEYS].map(name => ({ key: keys.absolute(name) }))
  const first = await ask([
    ...singles,
    { ...keys.below(MEMBERS), limit: FIRST_MEMBERS, keys_only: true },
    { ...keys.below(DRAINS), limit: FIRST_DRAINS, keys_only: true },
  ])
  if (!first.ok) return first
  const [members, drains] = first.ranges.slice(singles.length)
  const read = new ScopeReading(keys, ask, first.revision)
  read.take(first.ranges.slice(0, singles.length))
  const listed: Listed[] = []
  const unlisted = (await read.list(MEMBERS, members, listed)) ?? (await read.list(DRAINS, drains, listed))
  if (unlisted !== null) return unlisted
  const named = [...namesThatCount(read.entries, self), ...known].slice(0, VALUES_MAX)
  const isThere = new Set(listed.map(({ name }) => name))
  const isCut = isLonger(members) || isLonger(drains)
  const spokenOf = named
    .flatMap(name => [memberKey(name), drainKey(name)])
    .filter(name => isCut || isThere.has(name))
  const leased = listed.filter(({ entry }) => entry.leaseId !== null).map(({ name }) => name)
  const failure = await read.readValues([...spokenOf, ...leased.slice(0, VALUES_MAX)], CHARACTERS_MAX)
  if (failure !== null) return failure
  const rest = listed.filter(({ entry }) => entry.leaseId === null).map(({ name }) => name)
  await read.readValues(rest.slice(0, VALUES_MAX), OTHERS_CHARACTERS_MAX)
  return {
    ...{ ok: true, first, entries: read.entries },
    unread: Math.max(0, (members?.count ?? 0) - read.membersRead),
  }
}

interface Listed {
  readonly name: string
  readonly entry: Entry
}

function isLonger(found: RangeFound | undefined): boolean {
  return found !== undefined && found.count > found.kvs.length
}

class ScopeReading<F extends Found, E extends Failed> {
  readonly entries = new Map<string, Entry>()
  readonly #keys: KeySpace
  readonly #ask: Ask<F, E>
  readonly #revision: string
  #membersRead = 0

  constructor(keys: KeySpace, ask: Ask<F, E>, revision: string) {
    this.#keys = keys
    this.#ask = ask
    this.#revision = revision
  }

  get membersRead(): number {
    return this.#membersRead
  }

  /** Names and leases, without values: those of the first answer and, if it was cut, more. The failure, if there is one. */
  async list(folder: string, first: RangeFound | undefined, listed: Listed[]): Promise<E | null> {
    const whole = this.#keys.below(folder)
    let kvs = first?.kvs ?? []
    let isMore = isLonger(first)
    for (let seen = kvs.length; ; seen += kvs.length) {
      for (const { key, entry } of kvs) {
        const name = this.#keys.relative(key)
        if (name !== null && isKnownKey(name)) listed.push({ name, entry })
      }
      const last = kvs.at(-1)
      if (last === undefined || !isMore || seen >= LISTED_MAX) return null
      // The next possible key.
      const key = Buffer.concat([last.key, Buffer.alloc(1)])
      const page = await this.#ask([
        { ...whole, key, limit: PAGE_KEYS, keys_only: true, revision: this.#revision },
      ])
      if (!page.ok) return page
      kvs = page.ranges[0]?.kvs ?? []
      isMore = isLonger(page.ranges[0])
    }
  }

  /** Of the first of these, until so many characters were read. The failure, if etcd does not answer. */
  async readValues(names: readonly string[], charactersMax: number): Promise<E | null> {
    const wanted = [...new Set(names)].filter(name => isKnownKey(name) && !this.entries.has(name))
    let atOnce = VALUES_AT_ONCE
    let characters = 0
    for (let at = 0; at < wanted.length && characters < charactersMax; ) {
      const batch = wanted.slice(at, at + atOnce)
      const answer = await this.#ask(
        batch.map(name => ({ key: this.#keys.absolute(name), revision: this.#revision })),
      )
      if (!answer.ok) return answer
      const taken = this.take(answer.ranges)
      at += batch.length
      characters += taken
      atOnce = taken > SMALL_CHARACTERS ? VALUES_AT_ONCE : Math.min(2 * atOnce, VALUES_AT_ONCE_MAX)
    }
    return null
  }

  /** How many characters there were. */
  take(ranges: readonly RangeFound[]): number {
    let characters = 0
    for (const { key, entry } of ranges.flatMap(({ kvs }) => kvs)) {
      const name = this.#keys.relative(key)
      characters += entry.text.length
      if (name === null || !isKnownKey(name) || this.entries.has(name)) continue
      this.entries.set(name, bounded(name, entry))
      if (name.startsWith(MEMBERS)) this.#membersRead += 1
    }
    return characters
  }
}
