// Synchronous replication of one simulated server, as PostgreSQL does it: a commit waits until the standbys of
// synchronous_standby_names have flushed it. A reload reaches the sessions first and the WAL senders, who release the commits,
// a little later.

import { parseSyncNames, type SyncNames } from '../../../src/wire/sync-names.ts'
import type { Postmaster } from './postmaster.ts'
import type { Receiver } from './receiver.ts'
import { lsnOf, type WalEnd } from './wal.ts'

interface Commit {
  readonly end: WalEnd
  readonly done: () => void
}

export class SyncReplication {
  readonly #server: Postmaster
  /** What a session shows. */
  text: string
  /** What the WAL senders go by. */
  #inForce: SyncNames
  #waiting: Commit[] = []
  readonly #flushed = new Map<Receiver, bigint>()

  constructor(server: Postmaster) {
    this.#server = server
    this.text = server.data.syncNames ?? ''
    this.#inForce = parseSyncNames(this.text)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get isOn(): boolean {
    return this.text !== '' || this.#inForce.kind !== 'off'
  }

  /** The files were read again. */
  reload(): void {
    const { machine, data } = this.#server
    const text = data.syncNames ?? ''
    if (text === this.text) return
    this.text = text
    for (const receiver of this.#server.receivers) receiver.reply()
    machine.world.scheduler.after(machine.world.random.skewed(0, 40), () => {
      this.#inForce = parseSyncNames(this.text)
      this.#release()
    })
  }

  commit(end: WalEnd, done: () => void): void {
    if (this.#inForce.kind === 'off') done()
    else this.#waiting.push({ end, done })
  }

  /** A server that was frozen tells now. */
  thawed(): void {
    this.#release()
  }

  /** Nobody is told any more whether these came about. */
  drop(): void {
    this.#waiting = []
  }

  flushed(by: Receiver, lsn: bigint): void {
    this.#flushed.set(by, lsn)
    this.#release()
  }

  /** As pg_stat_replication shows it. */
  standingOf(receiver: Receiver) {
    const { kind, count } = this.#inForce
    const listed = this.#listed()
    const at = listed.indexOf(receiver)
    const isSync = at !== -1 && at < count
    const listedAs = kind === 'quorum' ? 'quorum' : isSync ? 'sync' : 'potential'
    // Replies are counted only where somebody waits for them.
    const reported = this.isOn ? this.#flushed.get(receiver) : undefined
    const flushLsn = reported ?? receiver.server.data.lsn
    return { syncState: at === -1 ? 'async' : listedAs, syncPriority: at === -1 ? 0 : at + 1, flushLsn }
  }

  /** The connected standbys that are named, in the order of the setting. */
  #listed(): readonly Receiver[] {
    const { names } = this.#inForce
    const rank = (receiver: Receiver): number => names.indexOf(receiver.server.machine.name)
    return [...this.#server.receivers]
      .filter(receiver => rank(receiver) !== -1)
      .sort((a, b) => rank(a) - rank(b))
  }

  #releasedUpTo(): bigint | null {
    const { kind, count } = this.#inForce
    const listed = this.#listed()
    if (listed.length < count) return null
    const positions = listed.map(receiver => this.#flushed.get(receiver) ?? 0n)
    const counted = kind === 'quorum' ? positions.toSorted((a, b) => (a > b ? -1 : 1)) : positions
    return counted.slice(0, count).reduce((least, lsn) => (lsn < least ? lsn : least))
  }

  #release(): void {
    const { phase, frozen } = this.#server
    const upTo = this.#inForce.kind === 'off' ? null : this.#releasedUpTo()
    if (frozen || phase !== 'running' || (this.#inForce.kind !== 'off' && upTo === null)) return
    const released = this.#waiting.filter(({ end }) => upTo === null || lsnOf(end) <= upTo)
    this.#waiting = this.#waiting.filter(commit => !released.includes(commit))
    for (const { done } of released) done()
  }
}
