// A read of a cluster that is bounded by what is needed, and not by what is below the prefix. The single keys are asked for
// by name, with the first members, in one transaction: that is all of a small cluster. If there are more members, their
// names follow, at the same revision, and then values: of the members that other keys speak of, of those on a lease, which
// an agent keeps alive, and of the rest only a little. So what somebody else puts below `members/` takes little time,
// however large it is, and the time of none that counts.
//
// etcd takes no key with its value above 1.5 MB (`--max-request-bytes`), so the sizes follow from the numbers: the first
// answer has at most 13 + 5 + 5 values, the others 60 values or names, and RECEIVE_BYTES_MAX lets them through.

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

/** As many as most clusters have. */
const FIRST_OF_FOLDER = 5
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
const OTHERS_AT_ONCE = 2

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
    { ...keys.below(MEMBERS), limit: FIRST_OF_FOLDER },
    { ...keys.below(DRAINS), limit: FIRST_OF_FOLDER },
  ])
  if (!first.ok) return first
  const [members, drains] = first.ranges.slice(singles.length)
  const read = new ScopeReading(keys, ask, first)
  if (isCut(members) || isCut(drains)) {
    const named = [...namesThatCount(read.entries, self), ...known].slice(0, VALUES_MAX)
    const failure = await readCrowd(read, named)
    if (failure !== null) return failure
  }
  return {
    ...{ ok: true, first, entries: read.entries },
    unread: Math.max(0, (members?.count ?? 0) - read.membersRead),
  }
}

async function readCrowd<F extends Found, E extends Failed>(
  read: ScopeReading<F, E>,
  named: readonly MemberName[],
): Promise<E | null> {
  const counts = named.flatMap(name => [memberKey(name), drainKey(name)])
  const listed: Listed[] = []
  const failure =
    (await read.readValues(counts, CHARACTERS_MAX)) ??
    (await read.list(MEMBERS, listed)) ??
    (await read.list(DRAINS, listed))
  if (failure !== null) return failure
  const leased = listed.filter(({ entry }) => entry.leaseId !== null).map(({ name }) => name)
  const unread = await read.readValues(leased.slice(0, VALUES_MAX), CHARACTERS_MAX)
  if (unread !== null) return unread
  const rest = listed.filter(({ entry }) => entry.leaseId === null).map(({ name }) => name)
  await read.readValues(rest.slice(0, VALUES_MAX), OTHERS_CHARACTERS_MAX, OTHERS_AT_ONCE)
  return null
}

interface Listed {
  readonly name: string
  readonly entry: Entry
}

function isCut(found: RangeFound | undefined): boolean {
  return found !== undefined && found.count > found.kvs.length
}

class ScopeReading<F extends Found, E extends Failed> {
  readonly entries = new Map<string, Entry>()
  readonly #keys: KeySpace
  readonly #ask: Ask<F, E>
  readonly #revision: string
  #membersRead = 0

  constructor(keys: KeySpace, ask: Ask<F, E>, first: F) {
    this.#keys = keys
    this.#ask = ask
    this.#revision = first.revision
    this.#take(first.ranges)
  }

  get membersRead(): number {
    return this.#membersRead
  }

  /** Names and leases, without values. The failure, if there is one. */
  async list(folder: string, listed: Listed[]): Promise<E | null> {
    const whole = this.#keys.below(folder)
    let key = whole.key
    for (let seen = 0; seen < LISTED_MAX; ) {
      const page = await this.#ask([
        { ...whole, key, limit: PAGE_KEYS, keys_only: true, revision: this.#revision },
      ])
      if (!page.ok) return page
      const [found] = page.ranges
      const last = found?.kvs.at(-1)
      if (found === undefined || last === undefined) return null
      for (const kv of found.kvs) {
        const name = this.#keys.relative(kv.key)
        if (name !== null && isKnownKey(name)) listed.push({ name, entry: kv.entry })
      }
      if (!isCut(found)) return null
      seen += found.kvs.length
      // The next possible key.
      key = Buffer.concat([last.key, Buffer.alloc(1)])
    }
    return null
  }

  /** Of the first of these, until so many characters were read. The failure, if etcd does not answer. */
  async readValues(
    names: readonly string[],
    charactersMax: number,
    atOnceFirst = VALUES_AT_ONCE,
  ): Promise<E | null> {
    const wanted = [...new Set(names)].filter(name => isKnownKey(name) && !this.entries.has(name))
    let atOnce = atOnceFirst
    let characters = 0
    for (let at = 0; at < wanted.length && characters < charactersMax; ) {
      const batch = wanted.slice(at, at + atOnce)
      const answer = await this.#ask(
        batch.map(name => ({ key: this.#keys.absolute(name), revision: this.#revision })),
      )
      if (!answer.ok) return answer
      const taken = this.#take(answer.ranges)
      at += batch.length
      characters += taken
      atOnce = taken > SMALL_CHARACTERS ? atOnceFirst : Math.min(2 * atOnce, VALUES_AT_ONCE_MAX)
    }
    return null
  }

  /** How many characters there were. */
  #take(ranges: readonly RangeFound[]): number {
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
