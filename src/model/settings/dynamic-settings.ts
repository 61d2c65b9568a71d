// The dynamic configuration (etcd `config`) after validation: what the rules and the adapters use.
// Defaults and limits: spec/interfaces.md 3.5, and ARCHITECTURE.md on the lease.

import type { JsonObject } from '../cluster/cluster.ts'
import type { Bytes, Millis } from '../units.ts'

export interface DynamicSettings {
  readonly ttlMs: Millis
  readonly loopWaitMs: Millis
  readonly retryTimeoutMs: Millis
  readonly maximumLagOnFailover: Bytes
  /** How long an automatic failover holds the next one back; 0: not at all. */
  readonly failoverIntervalMs: Millis
  readonly primaryStartTimeoutMs: Millis
  /** 0: no limit. */
  readonly primaryStopTimeoutMs: Millis
  /** 0: a race begins at once. */
  readonly primaryRaceBackoffMs: Millis
  /** 0: keep every line of the history key. */
  readonly maxTimelinesHistory: number
  readonly memberSlotsTtlMs: Millis
  /** 0: a server that answers nothing is left alone. */
  readonly hungServerTimeoutMs: Millis
  /** 0: nobody looks whether the disks can be written. */
  readonly failedDiskTimeoutMs: Millis
  /** For how long the agent may stand still: a step of a beat, or its event loop again and again; 0: for ever. */
  readonly stalledAgentTimeoutMs: Millis
  readonly useSlots: boolean
  readonly paused: boolean
  /** `off` in a standby cluster whatever the document says. */
  readonly synchronousMode: 'off' | 'on' | 'quorum'
  /** Without a synchronous standby, commits wait. */
  readonly synchronousStrict: boolean
  /** How many synchronous standbys are wanted, at least one. */
  readonly synchronousNodeCount: number
  /** A standby further behind than this is not waited for; null: however far. */
  readonly maximumLagOnSyncnode: Bytes | null
  readonly failsafeMode: boolean
  /** In failsafe mode: how long one member may take to answer. */
  readonly failsafeTimeoutMs: Millis
  readonly standbyCluster: boolean
  /** The accepted document itself: what patroni.dynamic.json holds and a leader restores. */
  readonly document: JsonObject
}
