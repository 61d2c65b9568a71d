// An order that this node received over its REST API: a restart now or later, or a new copy of its data. It is a fact
// of the snapshot until a decision answers it or begins its work.

import type { JsonObject } from '../cluster/cluster.ts'
import type { Millis, WallMillis } from '../units.ts'

/** The conditions of a restart: all of them must be met. */
export interface RestartFilters {
  /** The role that the node must have; absent: any. */
  readonly role?: string
  /** Restart only if the running version is older, e.g. `{ text: '15.4', number: 150_004 }`. */
  readonly olderThan?: { readonly text: string; readonly number: number }
  /** Restart only if a changed setting needs it. */
  readonly pendingOnly?: true
}

export interface RestartRequest {
  readonly filters: RestartFilters
  /** How long PostgreSQL may take to start; null: `primary_start_timeout`. */
  readonly timeoutMs: Millis | null
  /** Who asked, in one clause. */
  readonly by: string
}

/** Kept in the agent's memory only, and published in its member key. */
export interface ScheduledRestart extends RestartRequest {
  readonly atMs: WallMillis
  /**
   * `postmaster_start_time` when it was scheduled: another one later shows that a restart has happened. null: not
   * known.
   */
  readonly postmasterStart: string | null
  /** The request as Patroni shows it: `schedule` and the filters. */
  readonly shown: JsonObject
}

export type Order = { readonly id: string; readonly by: string } & (
  | ({ readonly kind: 'restart' } & RestartRequest)
  | ({ readonly kind: 'schedule-restart' } & Omit<ScheduledRestart, 'postmasterStart'>)
  | { readonly kind: 'delete-scheduled-restart' }
  /** `force`: cancels the work in progress. `fromLeader`: copies from the leader only. */
  | { readonly kind: 'reinitialize'; readonly force: boolean; readonly fromLeader: boolean }
)

/** The answer to an order; `why` is a clause for people. */
export type OrderAnswer =
  /** The restart is done. */
  | { readonly is: 'restarted' }
  /** The copy began. */
  | { readonly is: 'started' }
  | { readonly is: 'scheduled' }
  | { readonly is: 'deleted' }
  | { readonly is: 'conditions'; readonly why: string }
  | { readonly is: 'busy'; readonly why: string }
  | { readonly is: 'paused' }
  | { readonly is: 'already-scheduled' }
  | { readonly is: 'nothing-scheduled' }
  | { readonly is: 'no-leader' }
  | { readonly is: 'leader' }
  /** The restart was begun, but PostgreSQL did not start in time. */
  | { readonly is: 'still-starting' }
  | { readonly is: 'failed'; readonly why: string }
  /** Nothing was begun. */
  | { readonly is: 'refused'; readonly why: string }
