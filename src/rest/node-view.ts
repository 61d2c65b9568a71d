// The HTTP API's view of its node. What a health check needs is read from memory, at once, without SQL, locks or I/O,
// because a load balancer's check must never wait for PostgreSQL, for etcd or for the agent. The API runs in a thread of
// its own (docs/adr/0021-the-api-in-a-thread.md): there these readings are a copy that the agent keeps up to date.

import type { ClusterView, JsonObject, PostgresState, Role } from '../model/cluster/cluster.ts'
import type { FailsafeMembers, FailsafePing } from '../model/cluster/failsafe.ts'
import type { Order, OrderAnswer } from '../model/decision/order.ts'
import type { Seen } from '../model/seen.ts'
import type { ServerView } from '../model/server/postgres.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import type { BootMillis, Lsn, Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { OrderLimits } from '../ports/orders.ts'

/** What answers from memory. */
export interface NodeReadings {
  /** The dynamic settings in force: the last valid ones when etcd is away. */
  settings(): DynamicSettings
  /**
   * Boot-time instant until which this node may call itself the leader; 0 when it does not hold the lease, or has given
   * it up. The server compares it with the clock in each request, so that a frozen agent that wakes up tells the truth.
   */
  leaderLeaseUntilMs(): BootMillis
  /** The same object until something in it changes: the server keeps the encoded document with it. */
  status(): NodeStatus
  /**
   * The cluster as last seen. Must be unknown when nothing was heard from etcd for `ttl`: the server does not judge the
   * age (a watch-fed view may be old and true). The same object until something in it changes.
   */
  cluster(): Seen<ClusterView>
  failsafe(): FailsafeView
  /** hactl's own fields, shown in the object `hactl` of the status document beside our version. */
  extra(): JsonObject
  logger(): LoggerView
}

export interface NodeState extends NodeReadings {
  now(): Clock
  /**
   * Looks at PostgreSQL anew; afterwards `status()` shows the result. Ends within `budgetMs`, never rejects, may be
   * coalesced.
   */
  fresh(budgetMs: Millis): Promise<void>
  /** Refreshes the numbers that age: starts one query unless one ran within the last second. Returns at once. */
  refreshNumbers(): void
  /** Starts a beat soon; `reason` goes to the journal, e.g. `rest: switchover requested`. */
  wake(reason: string): void
  /**
   * Leaves an order for the next beat and waits for the answer. null: it was withdrawn, because nobody began it in time
   * or `signal` aborted.
   */
  order(order: Order, limits: OrderLimits, signal: AbortSignal): Promise<OrderAnswer | null>
  /** As SIGHUP: read the local configuration again at the next beat. */
  reload(): void
  /**
   * POST /failsafe: the leader, cut off from etcd, asks whether we agree that it goes on. Only called in failsafe mode.
   */
  acceptFailsafe(ping: FailsafePing): FailsafeAnswer
  /** Why this node withdrew a switchover or failover at or after this boot-time instant; null: it did not. */
  refusedSince(sinceMs: BootMillis): string | null
}

/** How far the log lags behind what is written to it. */
export interface LoggerView {
  /** Lines that wait to be written. */
  readonly queued: number
  /** Lines dropped since the start, because too many waited. */
  readonly lost: number
}

export interface NodeStatus {
  /** The state in the member key. A `running` whose server is unknown is published as `unknown`. */
  readonly state: PostgresState
  /** The agent's own opinion: used when PostgreSQL cannot be asked, and for `standby_leader`. */
  readonly role: Role
  /** Last answer of the monitoring query, however old within reason; unknown when PostgreSQL cannot be asked. */
  readonly server: Seen<ServerView>
  readonly postmasterRunning: boolean
  readonly systemIdentifier: string | null
  /** Tags as published in the member key, `nosync` while released from sync duty included. */
  readonly tags: JsonObject
  /** Tags as configured: what `?tag_key=value` is compared with. */
  readonly configuredTags: JsonObject
  readonly noloadbalance: boolean
  readonly nofailover: boolean
  /** 0 when nofailover; default 1. */
  readonly failoverPriority: number
  /** null: no restart needed. Otherwise `{"<setting>": {"old_value", "new_value"}}`, possibly empty. */
  readonly pendingRestartReason: JsonObject | null
  /**
   * The stored request as in the member key (`schedule`, `role`, …, `postmaster_start_time`); null when there is none.
   */
  readonly scheduledRestart: JsonObject | null
  /** Epoch seconds of the last successful read of etcd; null before the first. */
  readonly dcsLastSeen: number | null
  /**
   * Why a running standby is no healthy replica: it does not get, or does not have, the leader's data. null: it is one.
   */
  readonly replicaObstacle: string | null
  /** The problem, for people and for programs; null: none that the agent sees. */
  readonly problem: { readonly id: string; readonly text: string } | null
  /** Why it cannot serve clients: then it is no primary for a load balancer, and no replica. null: it can. */
  readonly unfit: string | null
  /** How long its PostgreSQL has answered no new connection, altogether, since the agent started. */
  readonly unansweredMs: Millis
  /** The same of a disk of it on which nothing could be written. */
  readonly diskFailingMs: Millis
  /** The same of a disk that only the agent needs. */
  readonly ownDiskFailingMs: Millis
  /** For how long the agent itself stood still. */
  readonly standstillMs: Millis
  /** A watchdog is required and unusable. */
  readonly watchdogFailed: boolean
  readonly paused: boolean
  /** Boot-time instant at which the next beat is due: GET /liveness fails when it is long past. */
  readonly nextBeatDueMs: BootMillis
}

export interface FailsafeView {
  /** Boot-time instant until which failsafe mode keeps a leader in office; 0 when it does not. */
  readonly activeUntilMs: BootMillis
  /** Last known content of the `failsafe` key: name to api_url; null when never seen. */
  readonly members: FailsafeMembers | null
}

export type FailsafeAnswer =
  /**
   * `lsn`: last position received or replayed here; null when not known. `holdsMs`: for how long this node does not
   * lead.
   */
  | { readonly kind: 'accepted'; readonly lsn: Lsn | null; readonly holdsMs: Millis }
  | { readonly kind: 'running-as-leader' }
  | { readonly kind: 'refused'; readonly why: string }
