// A read of a cluster that is bounded by what is needed, and not by what is below the prefix: the single keys by name and
// the first members, in one transaction, which is one revision. If there are more keys below `members/` than any cluster
// has, the members that count are looked for among them, at that same revision.
//
// etcd takes no value above 1.5 MB (`--max-request-bytes`), so the sizes follow from the numbers: the first answer has at
// most 13 + 10 + 4 values, which is 40 MB if somebody filled them all, and RECEIVE_BYTES_MAX lets it through.

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

/** More than most clusters have. */
const FIRST_MEMBERS = 10
const FIRST_DRAINS = 4
/** Names are asked for in pages, values by name. */
const PAGE_KEYS = 250
const LISTED_MAX = 10_000
/** So many at first and while they are large; twice as many each time while they are small. */
const VALUES_AT_ONCE = 8
const VALUES_AT_ONCE_MAX = 60
const SMALL_CHARACTERS = 1 << 20
const VALUES_MAX = 1000
/** Of those that are named elsewhere, and again of the others. */
const CHARACTERS_MAX = 32 << 20

/**
 * `self`: a member that is looked for by name; null: none. `known`: names that are looked for after those that other keys
 * speak of. Fails as the first question fails: of the members among too many keys those count that could be read.
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
    { ...keys.below(MEMBERS), limit: FIRST_MEMBERS },
    { ...keys.below(DRAINS), limit: FIRST_DRAINS },
  ])
  if (!first.ok) return first
  const read = new ScopeReading(keys, ask, first)
  const [members, drains] = first.ranges.slice(singles.length)
  const isCrowded = isCut(members) || isCut(drains)
  if (isCrowded) await read.readByName([...namesThatCount(read.entries, self), ...known].slice(0, VALUES_MAX))
  if (isCut(drains)) await read.readListed(DRAINS)
  if (isCut(members)) await read.readListed(MEMBERS)
  const unread = Math.max(0, (members?.count ?? 0) - read.membersRead)
  return { ok: true, first, entries: read.entries, unread: isCut(members) ? unread : 0 }
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
    this.#take(first)
  }

  get membersRead(): number {
    return this.#membersRead
  }

  async readByName(names: readonly MemberName[]): Promise<void> {
    await this.#readValues(names.flatMap(name => [memberKey(name), drainKey(name)]))
  }

  /** Those on a lease, which an agent keeps alive, before the others. */
  async readListed(folder: string): Promise<void> {
    const listed = await this.#list(folder)
    const isLeased = ({ entry }: (typeof listed)[number]): boolean => entry.leaseId !== null
    const ordered = [...listed.filter(isLeased), ...listed.filter(each => !isLeased(each))]
    await this.#readValues(ordered.slice(0, VALUES_MAX).map(({ name }) => name))
  }

  /** Names and leases, without values. Ends early if etcd does. */
  async #list(folder: string): Promise<readonly { readonly name: string; readonly entry: Entry }[]> {
    const listed: { readonly name: string; readonly entry: Entry }[] = []
    const whole = this.#keys.below(folder)
    let key = whole.key
    while (listed.length < LISTED_MAX) {
      const page = await this.#ask([
        { ...whole, key, limit: PAGE_KEYS, keys_only: true, revision: this.#revision },
      ])
      const kvs = page.ok ? (page.ranges[0]?.kvs ?? []) : []
      for (const kv of kvs) {
        const name = this.#keys.relative(kv.key)
        if (name !== null) listed.push({ name, entry: kv.entry })
      }
      const last = kvs.at(-1)
      if (last === undefined || kvs.length < PAGE_KEYS) break
      // The next possible key.
      key = Buffer.concat([last.key, Buffer.alloc(1)])
    }
    return listed
  }

  async #readValues(names: readonly string[]): Promise<void> {
    const wanted = names.filter(name => isKnownKey(name) && !this.entries.has(name))
    let atOnce = VALUES_AT_ONCE
    let characters = 0
    for (let at = 0; at < wanted.length && characters < CHARACTERS_MAX; ) {
      const batch = wanted.slice(at, at + atOnce)
      const answer = await this.#ask(
        batch.map(name => ({ key: this.#keys.absolute(name), revision: this.#revision })),
      )
      if (!answer.ok) return
      const taken = this.#take(answer)
      at += batch.length
      characters += taken
      atOnce = taken > SMALL_CHARACTERS ? VALUES_AT_ONCE : Math.min(2 * atOnce, VALUES_AT_ONCE_MAX)
    }
  }

  /** How many characters there were. */
  #take({ ranges }: Found): number {
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
