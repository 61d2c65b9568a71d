// Remembers the raft term and revision that etcd has reached, to detect a member that lags behind, cut off from its
// peers or restored from a backup (spec/ha.md 1.8, 8.A6).

import type { BootMillis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'

/** The part of etcd's response header that matters here; 64-bit integers as decimal text. */
export interface Header {
  readonly cluster_id: string
  readonly revision: string
  readonly raft_term: string
}

/** When no answer has shown the known term for this long, etcd was restored from a backup: the term is forgotten. */
const TERM_LOST_MS = 30_000

export class Terms {
  #clusterId: string | null = null
  #epoch = 0
  #shownMs: BootMillis = 0
  #term = 0n
  #revision: number = 0
  readonly #clock: Clock
  readonly #onReplaced: (why: string) => void

  /** Calls `onReplaced` when this is another etcd, whose revisions have nothing to do with the known ones. */
  constructor(clock: Clock, onReplaced: (why: string) => void) {
    this.#clock = clock
    this.#onReplaced = onReplaced
  }

  /** Counts how often etcd was replaced. */
  get epoch(): number {
    return this.#epoch
  }

  /** Highest revision that a linearizable answer has shown. */
  get revision(): number {
    return this.#revision
  }

  /** Takes note of an answer's header. Returns why to distrust the answer (its member lags behind); null: trust it. */
  take(header: Header): string | null {
    const term = BigInt(header.raft_term)
    const nowMs = this.#clock.bootMs()
    if (header.cluster_id !== this.#clusterId) {
      this.#replaced(`cluster id changed from ${this.#clusterId} to ${header.cluster_id}`)
      this.#clusterId = header.cluster_id
    } else if (term < this.#term) {
      if (nowMs - this.#shownMs < TERM_LOST_MS)
        return `its member is at raft term ${term}, known is ${this.#term}`
      this.#replaced(`raft term went back from ${this.#term} to ${term}`)
    }
    this.#term = term
    this.#shownMs = nowMs
    return null
  }

  #replaced(why: string): void {
    this.#revision = 0
    if (this.#clusterId === null) return
    this.#epoch++
    this.#onReplaced(why)
  }

  /** For the header of an answer that a quorum agreed on. */
  reached(header: Header): void {
    this.#revision = Math.max(this.#revision, Number(header.revision))
  }
}
