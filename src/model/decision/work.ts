// The one long piece of work that may be in progress: the job, its progress, its end.

import type { Upstream } from '../cluster/peer.ts'
import type { AskedPromotion } from '../server/origins.ts'
import type { Progress, ShutdownPosition } from '../server/progress.ts'
import type { BootMillis, Millis, Revision, Timeline } from '../units.ts'

export type Job =
  /**
   * A new cluster: initdb, first start, users. `initializeRevision` guards it in etcd while it runs; null: not known.
   */
  | { readonly kind: 'bootstrap'; readonly initializeRevision: Revision | null }
  /**
   * Base backup from `from`, then start as a standby of `upstream`. `replaces` says why existing data is removed first.
   */
  | {
      readonly kind: 'clone'
      readonly from: Upstream
      readonly upstream: Upstream | null
      readonly replaces: string | null
      /** The order that asked for it. */
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
  /**
   * `note` is written to disk before the promotion: after a crash it must be known which node began the next timeline.
   */
  | {
      readonly kind: 'promote'
      readonly timeoutMs: Millis
      readonly note: PromotionNote
      /** Timeline numbers that other promotions may have taken: PostgreSQL is made to take a higher one. */
      readonly skips: readonly Timeline[]
    }
  | {
      readonly kind: 'stop'
      readonly mode: 'fast' | 'immediate'
      readonly checkpoint: boolean
      readonly timeoutMs: Millis | null
    }
  /** Stops servers that earlier agents of this node have left, wherever their data directory is now. */
  | { readonly kind: 'stop-orphans' }
  | { readonly kind: 'crash-recovery' }
  | { readonly kind: 'rewind'; readonly from: Upstream }
  | { readonly kind: 'remove-data'; readonly why: string }
  | { readonly kind: 'set-aside' }

/** Stop, then start in the same role; a primary writes a checkpoint first, so that the stop is short. */
export interface RestartJob {
  readonly kind: 'restart'
  readonly as: 'primary' | 'standby'
  readonly upstream: Upstream | null
  readonly timeoutMs: Millis
  /** After this the stop is enforced; absent: the limit of a standby. */
  readonly stopTimeoutMs?: Millis
  /** In maintenance mode a primary goes on without a lease, even through a restart. */
  readonly unguarded?: true
  readonly order?: string
}

/** Jobs that only the holder of the lease may do: they are cancelled the moment the lease is gone. */
export function isPrimaryOnly(job: Job): boolean {
  if (job.kind === 'restart') return job.as === 'primary' && job.unguarded !== true
  return job.kind === 'promote' || (job.kind === 'start' && job.as === 'primary')
}

/** Why a decision cancels a job. */
export type EarlyEnd =
  /** The lease is lost. */
  | 'lease-lost'
  /** The server accepts writes without a lease: it must be stopped, and the stop is a job too. */
  | 'primary-without-lease'
  | 'agent-stops'
  /** The handover that the job belongs to has failed. */
  | 'nobody-takes-over'
  /** An order forces a new copy of the data. */
  | 'reinitialize'
  /** A disk that hangs keeps it from ever ending. */
  | 'disk-hangs'
  /** Maintenance mode has ended, in which a primary needs no guard. */
  | 'pause-ended'

/** Jobs that must be completed: half done, they leave a data directory that is neither there nor gone. */
function mustEnd(job: Job): boolean {
  return job.kind === 'remove-data' || job.kind === 'set-aside'
}

/** Jobs that begin by stopping the server at once: no other job would stop it sooner. */
function stopsServerFirst(job: Job): boolean {
  return job.kind === 'stop' || mustEnd(job) || (job.kind === 'clone' && job.replaces !== null)
}

/** Which jobs may be cancelled, and why: the only place that decides this. */
export function mayEndEarly(job: Job, because: EarlyEnd): boolean {
  switch (because) {
    case 'lease-lost':
      return isPrimaryOnly(job)
    case 'primary-without-lease':
      // A new cluster has no lease yet: the initialize key guards it.
      return job.kind !== 'bootstrap' && !stopsServerFirst(job) && !isUnguarded(job)
    case 'agent-stops':
      return job.kind !== 'stop' && !mustEnd(job)
    case 'nobody-takes-over':
      return job.kind === 'stop'
    case 'disk-hangs':
      // All else has a limit of its own, or would only be begun again.
      return job.kind === 'promote' || (job.kind === 'stop' && job.mode === 'fast' && job.timeoutMs === null)
    case 'pause-ended':
      return isUnguarded(job)
    case 'reinitialize':
      return !isPrimaryOnly(job) && !mustEnd(job) && !isUnguarded(job) && !NEVER_CANCELLED.includes(job.kind)
  }
}

/** Jobs that create a cluster, or make sure that no former server writes. */
const NEVER_CANCELLED: readonly string[] = ['bootstrap', 'stop-orphans']

/** In maintenance mode nothing stops a primary, and its restart is not cancelled. */
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
  /** A decision has cancelled it; it ends as soon as its current step allows. */
  readonly cancelled: boolean
}

export interface FinishedWork {
  readonly job: Job
  readonly ok: boolean
  /** One sentence if not `ok`. */
  readonly why: string
  /** What a person has to do before it can succeed; absent: the cause may pass by itself, or all is well. */
  readonly remedy?: string
  readonly cancelled: boolean
  readonly finishedAtMs: BootMillis
  /** The start took too long, but the server may still come up. */
  readonly stillStarting?: true
  /** Where the WAL ended, after a clean stop. */
  readonly position: ShutdownPosition | null
  /** After a failed rewind: the data directory cannot be trusted any more. */
  readonly damaged: boolean
}
