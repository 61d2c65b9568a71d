// The keys of the cluster as this process knows them, fed by the watch, by reads and by its own writes, in any order:
// anything older than the known state is ignored.

import { isNewer, revision } from '../model/revision.ts'
import type { Revision } from '../model/units.ts'
import type { Entry } from '../wire/cluster-view.ts'

const DELETIONS_MAX = 1000
/** Older than anything that is ever written. */
const NEVER = revision(0)

export class Entries {
  readonly #entries = new Map<string, Entry>()
  /** Revision of each deletion: an answer from another endpoint may be older than everything the watch has reported. */
  readonly #deleted = new Map<string, Revision>()
  #revision: Revision = NEVER
  #version = 0

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

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** True when this changed something. */
  put(key: string, entry: Entry): boolean {
    this.#revision = newest(this.#revision, entry.modRevision)
    const known = this.#entries.get(key)?.modRevision ?? this.#deleted.get(key) ?? null
    if (!isNewer(entry.modRevision, known)) return false
    this.#deleted.delete(key)
    this.#entries.set(key, entry)
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

  /** Takes over a whole range read `at` that revision; newer entries stay. Returns the keys that changed. */
  replace(snapshot: ReadonlyMap<string, Entry>, at: Revision): readonly string[] {
    const changed: string[] = []
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
    this.#version++
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
