// The keys of the cluster as this process knows them, fed by the watch, by reads and by its own writes, in any order:
// anything older than the known state is ignored.

import { isNewer, revision } from '../model/revision.ts'
import type { Revision } from '../model/units.ts'
import { bounded, type Entry } from '../wire/entry.ts'
import { SINGLE_KEYS } from '../wire/keys.ts'

const DELETIONS_MAX = 1000
/**
 * So many keys are kept, and as many again that are on a lease: somebody may write more of them than there is memory. Twice
 * what a view shows.
 */
const KEYS_MAX = 2000
/** Older than anything that is ever written. */
const NEVER = revision(0)

export class Entries {
  readonly #entries = new Map<string, Entry>()
  /** Revision of each deletion: an answer from another endpoint may be older than everything the watch has reported. */
  readonly #deleted = new Map<string, Revision>()
  #revision: Revision = NEVER
  #version = 0
  #unread = 0

  /** Counts the changes: a view put together at the same version is still right. */
  get version(): number {
    return this.#version
  }

  /** Highest revision of anything applied. */
  get revision(): Revision {
    return this.#revision
  }

  get all(): ReadonlyMap<string, Entry> {
    return this.#entries
  }

  /** How many keys below `members/` there are that are not here, as far as is known: too many to keep. */
  get unread(): number {
    return this.#unread
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** True when this changed something. */
  put(key: string, entry: Entry): boolean {
    this.#revision = newest(this.#revision, entry.modRevision)
    const known = this.#entries.get(key)?.modRevision ?? this.#deleted.get(key) ?? null
    if (!isNewer(entry.modRevision, known)) return false
    this.#deleted.delete(key)
    if (this.#isFull(key, entry)) {
      if (this.#unread === 0) this.#version++
      this.#unread ||= 1
      return false
    }
    this.#entries.set(key, bounded(key, entry))
    this.#version++
    return true
  }

  /** The key was absent at that revision. True when this changed something. */
  delete(key: string, at: Revision): boolean {
    this.#revision = newest(this.#revision, at)
    const known = this.#entries.get(key)
    if (known !== undefined && isNewer(known.modRevision, at)) return false
    this.#remember(key, at)
    if (known !== undefined) this.#version++
    return this.#entries.delete(key)
  }

  /**
   * Takes over all that was read `at` that revision; newer entries stay. `unread`: how many keys were left out. Returns the
   * keys that changed.
   */
  replace(snapshot: ReadonlyMap<string, Entry>, at: Revision, unread = 0): readonly string[] {
    const changed: string[] = []
    if (unread !== this.#unread) this.#version++
    this.#unread = unread
    for (const key of [...this.#entries.keys()]) {
      if (!snapshot.has(key) && this.delete(key, at)) changed.push(key)
    }
    for (const [key, entry] of snapshot) if (this.put(key, entry)) changed.push(key)
    this.#revision = newest(this.#revision, at)
    return changed
  }

  /** etcd was replaced: nothing known holds any more, and revisions start again. */
  clear(): void {
    this.#entries.clear()
    this.#deleted.clear()
    this.#revision = NEVER
    this.#unread = 0
    this.#version++
  }

  #isFull(key: string, { leaseId }: Entry): boolean {
    if (this.#entries.has(key) || SINGLE_KEYS.has(key)) return false
    return this.#entries.size >= (leaseId === null ? KEYS_MAX : 2 * KEYS_MAX)
  }

  /** Forgets the oldest deletion when a scope has seen more names than any cluster has. */
  #remember(key: string, at: Revision): void {
    const latest = newest(at, this.#deleted.get(key) ?? NEVER)
    this.#deleted.delete(key)
    this.#deleted.set(key, latest)
    const [oldest] = this.#deleted.keys()
    if (this.#deleted.size > DELETIONS_MAX && oldest !== undefined) this.#deleted.delete(oldest)
  }
}

function newest(a: Revision, b: Revision): Revision {
  return isNewer(b, a) ? b : a
}
