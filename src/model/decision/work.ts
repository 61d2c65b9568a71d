// The one long piece of work that may be in progress: what it is, how far it is, how it ended.

import type { Upstream } from '../cluster/peer.ts'
import type { AskedPromotion } from '../server/origins.ts'
import type { Progress, ShutdownPosition } from '../server/progress.ts'
import type { BootMillis, Millis, Revision } from '../units.ts'

export type Job =
  /** initdb, first start, users: a new cluster. `initializeRevision` guards the race key while it runs; null: not known. */
  | { readonly kind: 'bootstrap'; readonly initializeRevision: Revision | null }
  /** Base backup from `from`, then start as a standby of `upstream`. `replaces` says why existing data is removed first. */
  | {
      readonly kind: 'clone'
      readonly from: Upstream
      readonly upstream: Upstream | null
      readonly replaces: string | null
      /** It was asked for by somebody: his order. */
      readonly order?: string
    }
  | {
      readonly kind: 'start'
      readonly as: 'primary' | 'standby'
      readonly upstream: Upstream | null
      readonly timeoutMs: Millis
      readonly order?: string
    }
  /** New recovery settings; a reload is enough. */
  | { readonly kind: 'follow'; readonly upstream: Upstream | null }
  | RestartJob
  /** `note` is on the disk before PostgreSQL is asked: whose the next timeline is must be known after a crash. */
  | { readonly kind: 'promote'; readonly timeoutMs: Millis; readonly note: PromotionNote }
  | {
      readonly kind: 'stop'
      readonly mode: 'fast' | 'immediate'
      readonly checkpoint: boolean
      readonly timeoutMs: Millis | null
    }
  /** At once, and found by more than the data directory: what earlier servers of this node have left. */
  | { readonly kind: 'stop-orphans' }
  | { readonly kind: 'crash-recovery' }
  | { readonly kind: 'rewind'; readonly from: Upstream }
  | { readonly kind: 'remove-data'; readonly why: string }
  | { readonly kind: 'set-aside' }

/** Stop, then start in the role that the server has; a primary writes a checkpoint first, so that the stop is short. */
export interface RestartJob {
  readonly kind: 'restart'
  readonly as: 'primary' | 'standby'
  readonly upstream: Upstream | null
  readonly timeoutMs: Millis
  /** After this the stop is enforced; absent: as for any standby. */
  readonly stopTimeoutMs?: Millis
  /** In maintenance mode a primary goes on without a lease, also through a restart. */
  readonly unguarded?: true
  readonly order?: string
}

/** Jobs that only the holder of the lease may do: they are told to stop the moment the lease is gone. */
export function isPrimaryOnly(job: Job): boolean {
  if (job.kind === 'restart') return job.as === 'primary' && job.unguarded !== true
  return job.kind === 'promote' || (job.kind === 'start' && job.as === 'primary')
}

/** Why a decision asks a job to end before its own end. */
export type EarlyEnd =
  /** The lease is lost. */
  | 'lease-lost'
  /** The server accepts writes without a lease: it must be stopped, and that is a job too. */
  | 'primary-without-lease'
  | 'agent-stops'
  /** The handover that it belongs to failed. */
  | 'nobody-takes-over'
  /** Somebody asked for a new copy of the data, whatever is in progress. */
  | 'reinitialize'
  /** Maintenance mode, in which a primary needs no guard. */
  | 'pause-ended'

/** What is half done is worse than done: a data directory that is neither there nor gone. */
function mustEnd(job: Job): boolean {
  return job.kind === 'remove-data' || job.kind === 'set-aside'
}

/** It stops the server at once before anything else, so that no other job would do that sooner. */
function stopsServerFirst(job: Job): boolean {
  return job.kind === 'stop' || mustEnd(job) || (job.kind === 'clone' && job.replaces !== null)
}

/** Which jobs may be ended early, and why: the only place that says so. */
export function mayEndEarly(job: Job, because: EarlyEnd): boolean {
  switch (because) {
    case 'lease-lost':
      return isPrimaryOnly(job)
    case 'primary-without-lease':
      // A new cluster has no lease yet: its initialize key guards it.
      return job.kind !== 'bootstrap' && !stopsServerFirst(job) && !isUnguarded(job)
    case 'agent-stops':
      return job.kind !== 'stop' && !mustEnd(job)
    case 'nobody-takes-over':
      return job.kind === 'stop'
    case 'pause-ended':
      return isUnguarded(job)
    case 'reinitialize':
      return !isPrimaryOnly(job) && !mustEnd(job) && !isUnguarded(job) && !NEVER_CANCELLED.includes(job.kind)
  }
}

/** What makes a cluster, or makes sure that nothing of a former server writes. */
const NEVER_CANCELLED: readonly string[] = ['bootstrap', 'stop-orphans']

/** In maintenance mode nothing stops a primary, and nothing need end its restart. */
export function isUnguarded(job: Job): boolean {
  return job.kind === 'restart' && job.unguarded === true
}

export interface PromotionNote extends AskedPromotion {
  readonly systemIdentifier: string
}

export interface Work {
  readonly job: Job
  readonly startedAtMs: BootMillis
  readonly progress: Progress | null
  /** A decision asked it to stop; it ends as soon as its current step allows. */
  readonly cancelled: boolean
}

export interface FinishedWork {
  readonly job: Job
  readonly ok: boolean
  /** One sentence when not ok. */
  readonly why: string
  /** What somebody has to do before the same can succeed; absent: it may pass, or all is well. */
  readonly remedy?: string
  readonly cancelled: boolean
  readonly finishedAtMs: BootMillis
  /** A start that was given up waiting for: the server may still come up. */
  readonly stillStarting?: true
  /** After a clean stop: where the WAL ended. */
  readonly position: ShutdownPosition | null
  /** After a rewind: the data directory can no longer be trusted as it is. */
  readonly damaged: boolean
}
