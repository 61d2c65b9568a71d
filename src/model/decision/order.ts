// What somebody asked of this node over its REST API: a restart now or later, a new copy of its data. An order is a fact of
// the snapshot until a decision answers it or begins its work.

import type { JsonObject } from '../cluster/cluster.ts'
import type { Millis, WallMillis } from '../units.ts'

/** A restart is only done if all of these hold. */
export interface RestartFilters {
  /** The role that the node must have; absent: any. */
  readonly role?: string
  /** Restarted only when what runs is older, e.g. `{ text: '15.4', number: 150_004 }`. */
  readonly olderThan?: { readonly text: string; readonly number: number }
  /** Restarted only when a setting waits for it. */
  readonly pendingOnly?: true
}

export interface RestartRequest {
  readonly filters: RestartFilters
  /** How long PostgreSQL may take to come up; null: `primary_start_timeout`. */
  readonly timeoutMs: Millis | null
  /** Who asked, in one clause. */
  readonly by: string
}

/** Memory of one agent, published in its member key. */
export interface ScheduledRestart extends RestartRequest {
  readonly atMs: WallMillis
  /** `postmaster_start_time` when it was scheduled: another one later says that it has happened. null: not known. */
  readonly postmasterStart: string | null
  /** What was asked for, as Patroni shows it: `schedule` and the filters. */
  readonly shown: JsonObject
}

export type Order = { readonly id: string; readonly by: string } & (
  | ({ readonly kind: 'restart' } & RestartRequest)
  | ({ readonly kind: 'schedule-restart' } & Omit<ScheduledRestart, 'postmasterStart'>)
  | { readonly kind: 'delete-scheduled-restart' }
  /** `force`: cancels the work in progress. `fromLeader`: copies from the leader only. */
  | { readonly kind: 'reinitialize'; readonly force: boolean; readonly fromLeader: boolean }
)

/** What became of an order; `why` is a clause for people. */
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
  /** It was begun, and PostgreSQL was not up in time. */
  | { readonly is: 'still-starting' }
  | { readonly is: 'failed'; readonly why: string }
  /** Nothing was begun. */
  | { readonly is: 'refused'; readonly why: string }
