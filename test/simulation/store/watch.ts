// A store's watch: events arrive in order and late, and not at all while the way is cut; a silent stream is given up
// after twice its interval and begun anew with a read of the range, as in src/dcs/etcd/watch.ts.

import { leaseIdOf } from '../../../src/dcs/etcd/etcd-values.ts'
import type { KeySpace } from '../../../src/dcs/etcd/key-space.ts'
import { readScopeOver } from '../../../src/dcs/etcd/range-calls.ts'
import type { Sight, WatchState } from '../../../src/dcs/transport.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Entry } from '../../../src/wire/cluster-view.ts'
import { isKnownKey } from '../../../src/wire/keys.ts'
import type { KeyChange, StoredKey } from './etcd.ts'
import type { EtcdClient, EtcdPath } from './etcd-client.ts'

export interface WatchParts extends Sight {
  readonly path: EtcdPath
  readonly client: EtcdClient
  readonly keys: KeySpace
}

export class SimulatedWatch {
  readonly #parts: WatchParts
  #state: WatchState = { alive: false, why: 'the watch has not begun' }
  #started: boolean = false

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  get state(): WatchState {
    return this.#state
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    void this.#run()
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts.path.process
    let pauseMs = 0
    for (;;) {
      const lived = await this.#session()
      pauseMs = lived ? 0 : Math.min(1000, Math.max(50, pauseMs * 2))
      await clock.sleep(lived ? 50 : pauseMs)
    }
  }

  /** Ends when the stream is given up. True when it was alive. */
  async #session(): Promise<boolean> {
    const { path, client, keys, entries, timings, onChange } = this.#parts
    const { clock } = path.process
    const budgetMs = Math.min(timings().retryTimeoutMs, 2 * this.#intervalMs())
    const budget = { budgetMs, deadlineMs: clock.bootMs() + budgetMs }
    const read = await readScopeOver(client.asCalls(), keys, budget, path.member)
    if (!read.ok) {
      this.#state = { alive: false, why: read.why }
      return false
    }
    const at = Number(read.first.revision)
    const changed = entries.replace(read.entries, revision(at), read.unread)
    const stream = new EventStream(path, at, changes => this.#apply(changes))
    this.#state = { alive: true, atMs: read.first.sentMs }
    onChange(changed)
    const why = await this.#whileAnswered()
    stream.close()
    this.#state = { alive: false, why }
    onChange([])
    return true
  }

  /** Asks for progress again and again; the reason why the stream is over. */
  async #whileAnswered(): Promise<string> {
    const { path, client, keys } = this.#parts
    const { clock } = path.process
    for (;;) {
      await clock.sleep(this.#intervalMs())
      const budgetMs = this.#intervalMs()
      const answer = await client.range({ budgetMs, deadlineMs: clock.bootMs() + budgetMs }, keys.range)
      if (!answer.ok) return `no sign of life for ${2 * budgetMs} ms`
      if (this.#state.alive) this.#state = { alive: true, atMs: answer.sentMs }
    }
  }

  #apply(changes: readonly KeyChange[]): void {
    const { keys, entries, onChange } = this.#parts
    const changed: string[] = []
    for (const { key, value, revision: at } of changes) {
      const name = keys.relative(Buffer.from(key))
      if (name === null || !isKnownKey(name)) continue
      const entry: Entry | null = value === null ? null : entryOf(value)
      if (entry === null ? entries.delete(name, revision(at)) : entries.put(name, entry)) changed.push(name)
    }
    if (changed.length > 0) onChange(changed)
  }

  #intervalMs(): number {
    return Math.min(6000, Math.max(1000, this.#parts.timings().ttlMs / 5))
  }
}

/** All agents share an entry, and so what was parsed of it. */
const entries = new WeakMap<StoredKey, Entry>()

function entryOf(stored: StoredKey): Entry {
  const known = entries.get(stored)
  if (known !== undefined) return known
  const { text, leaseId, modRevision } = stored
  const entry = { text, leaseId: leaseIdOf(leaseId), modRevision: revision(modRevision) }
  entries.set(stored, entry)
  return entry
}

/** TCP: in order; while the way is cut, what is under way waits and comes later, if the stream still lives then. */
class EventStream {
  readonly #path: EtcdPath
  readonly #apply: (changes: readonly KeyChange[]) => void
  readonly #queue: (readonly KeyChange[])[] = []
  readonly #unsubscribe: () => void
  #closed: boolean = false
  #busy: boolean = false

  constructor(path: EtcdPath, after: number, apply: (changes: readonly KeyChange[]) => void) {
    this.#path = path
    this.#apply = apply
    // What was committed between the read and now: the real watch begins at the revision after the read.
    for (const missed of path.etcd.changesSince(after)) this.#push(missed)
    this.#unsubscribe = path.etcd.onChange(changes => this.#push(changes))
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
  }

  #push(changes: readonly KeyChange[]): void {
    this.#queue.push(changes)
    if (!this.#busy) this.#deliverNext()
  }

  #deliverNext(): void {
    const { scheduler, network, random, member, process } = this.#path
    this.#busy = true
    const late = random.chance(0.02) ? random.below(300) : 0
    scheduler.after(network.latencyMs('etcd', member) + late, () => {
      if (this.#closed || process.isDead) return
      if (!network.connects('etcd', member)) {
        scheduler.after(200, () => this.#deliverNext())
        return
      }
      const changes = this.#queue.shift()
      if (changes !== undefined) process.deliver(() => this.#closed || this.#apply(changes))
      if (this.#queue.length > 0) this.#deliverNext()
      else this.#busy = false
    })
  }
}
