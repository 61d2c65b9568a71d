// What this node knows of its own leadership between beats: a deadline on the boot-time clock and nothing else. It is
// fed by the answers of the store, read by everybody, and ends primary-only work by itself when the deadline comes.

import type { LeaseView } from '../model/decision/snapshot.ts'
import type { BootMillis, LeaseId, Millis } from '../model/units.ts'

export interface LeaseGuard {
  view(): LeaseView
  /** The store confirmed our lease by a request sent at `sentAtMs`; `leader`: also that the leader key hangs on it. */
  confirmed(lease: {
    readonly leaseId: LeaseId
    readonly ttlMs: Millis
    readonly validUntilMs: BootMillis
    readonly sentAtMs: BootMillis
    readonly leader: boolean
  }): void
  /** A request whose answer may be lost may move the leader key to a lease that ends then. */
  endsBy(untilMs: BootMillis): void
  /**
   * Failsafe mode: no other member leads before this instant. false: it came too late, because the leadership had ended
   * before.
   */
  confirmedByMembers(untilMs: BootMillis): boolean
  /** The store said that the key is another node's: this node does not lead, whatever the members have promised. */
  refused(): void
  /** The store said that the key or the lease is gone, and nobody has it: the promises of the members still hold. */
  leaseGone(): void
  /** We gave the lease up ourselves. */
  released(): void
  /** Aborts when leadership ends, however it ends; a new one begins with the next confirmation as leader. */
  primarySignal(): AbortSignal
}
