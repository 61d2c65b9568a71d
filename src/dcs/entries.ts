// The keys of the cluster as this process knows them, fed by the watch, by reads and by its own writes, in any order:
// what is older than what is known is ignored.

import type { Revision } from '../model/units.ts'
import type { Entry } from '../wire/cluster-view.ts'

const DELETIONS_MAX = 1000

export class Entries {
  readonly #entries = new Map<string, Entry>()
  /** Revision of each deletion: an answer from another endpoint may be older, and come after all that the watch told. */
  readonly #deleted = new Map<string, Revision>()
  #revision: Revision = 0
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
    this.#revision = Math.max(this.#revision, entry.modRevision)
    const known = this.#entries.get(key)?.modRevision ?? this.#deleted.get(key) ?? 0
    if (entry.modRevision <= known) return false
    this.#deleted.delete(key)
    this.#entries.set(key, entry)
    this.#version++
    return true
  }

  /** The key was absent at `revision`. True when this changed something. */
  delete(key: string, revision: Revision): boolean {
    this.#revision = Math.max(this.#revision, revision)
    const known = this.#entries.get(key)
    if (known !== undefined && known.modRevision > revision) return false
    this.#remember(key, revision)
    if (known !== undefined) this.#version++
    return this.#entries.delete(key)
  }

  /** Takes over a whole range read at `revision`; what is known to be newer stays. Returns the keys that changed. */
  replace(snapshot: ReadonlyMap<string, Entry>, revision: Revision): readonly string[] {
    const changed: string[] = []
    for (const key of [...this.#entries.keys()]) {
      if (!snapshot.has(key) && this.delete(key, revision)) changed.push(key)
    }
    for (const [key, entry] of snapshot) if (this.put(key, entry)) changed.push(key)
    this.#revision = Math.max(this.#revision, revision)
    return changed
  }

  /** etcd was replaced: nothing that is known holds any more, and revisions begin anew. */
  clear(): void {
    this.#entries.clear()
    this.#deleted.clear()
    this.#revision = 0
    this.#version++
  }

  /** The oldest is forgotten when a scope has seen more names than any cluster has. */
  #remember(key: string, revision: Revision): void {
    const latest = Math.max(revision, this.#deleted.get(key) ?? 0)
    this.#deleted.delete(key)
    this.#deleted.set(key, latest)
    const [oldest] = this.#deleted.keys()
    if (this.#deleted.size > DELETIONS_MAX && oldest !== undefined) this.#deleted.delete(oldest)
  }
}
