// Remembers the raft term and revision that etcd has reached, so that a member which lags behind, cut off from its
// peers or restored from a backup, is found out (spec/ha.md 1.8, 8.A6).

import type { Revision } from '../model/units.ts'

/** The part of etcd's response header that matters here; 64-bit integers as decimal text. */
export interface Header {
  readonly cluster_id: string
  readonly revision: string
  readonly raft_term: string
}

export class Terms {
  #clusterId: string | null = null
  #term = 0n
  #revision: Revision = 0
  readonly #warn: (text: string) => void

  constructor(warn: (text: string) => void) {
    this.#warn = warn
  }

  /** Highest revision that a linearizable answer has shown. */
  get revision(): Revision {
    return this.#revision
  }

  /** Why the answer comes from a member that lags behind; null when it does not. */
  regression(header: Header): string | null {
    if (header.cluster_id !== this.#clusterId) {
      if (this.#clusterId !== null)
        this.#warn(`etcd cluster id changed from ${this.#clusterId} to ${header.cluster_id}`)
      this.#clusterId = header.cluster_id
      this.#term = BigInt(header.raft_term)
      this.#revision = 0
      return null
    }
    const term = BigInt(header.raft_term)
    if (term < this.#term) return `etcd member answered with raft term ${term}, known is ${this.#term}`
    this.#term = term
    return null
  }

  /** For the header of an answer that a quorum stood behind. */
  reached(header: Header): void {
    this.#revision = Math.max(this.#revision, Number(header.revision))
  }
}
