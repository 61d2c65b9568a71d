// The actions of a decision: small, serialisable commands. A write to the store carries the revision that it was
// decided on.

import type {
  ClusterStatus,
  FailoverRequest,
  HistoryLine,
  JsonObject,
  Member,
  MemberRecord,
  SyncState,
} from '../cluster/cluster.ts'
import type { FailsafeMembers } from '../cluster/failsafe.ts'
import type { Upstream } from '../cluster/peer.ts'
import type { Promotions } from '../cluster/promotions.ts'
import type { TakeoverNote } from '../cluster/takeover.ts'
import type { Origin } from '../server/origins.ts'
import type { BootMillis, LeaseId, Lsn, MemberName, Millis, Revision } from '../units.ts'
import type { WatchdogRequest } from '../watchdog.ts'
import type { OrderAnswer } from './order.ts'
import type { Job } from './work.ts'

/** The answer is part of the next snapshot. */
export type Question =
  | { readonly kind: 'read-cluster' }
  /**
   * `formerLeader` gets less time than the others: its lease has ended, and the only question is whether it is alive.
   */
  | { readonly kind: 'ask-peers'; readonly members: readonly Member[]; readonly formerLeader?: MemberName }
  | { readonly kind: 'compare-timelines'; readonly leader: Upstream }
  /** Failsafe mode: may this node go on as the primary without the store? Asks all these members, without this node. */
  | {
      readonly kind: 'ask-failsafe'
      readonly members: FailsafeMembers
      readonly slots: Readonly<Record<string, Lsn>>
    }

/** Writes to the leader key: etcd's answer to one of them is proof. */
type LeaseWrite =
  | { readonly kind: 'adopt-lease'; readonly leaseId: LeaseId }
  /**
   * `ifRevision`: the record of the last leader, or null if there is none: the request is refused if a node has led
   * since.
   */
  | {
      readonly kind: 'acquire-lease'
      readonly ifRevision: Revision | null
      /** Nothing would stop this server when the lease ends, and the note beside the leader key says so. */
      readonly unguarded?: true
      /**
       * The promise that was in force and does not bind this node any more, by the time at which it was made. The
       * request is not sent if there is a later one.
       */
      readonly despitePromiseAtMs?: BootMillis
    }
  | { readonly kind: 'renew-lease'; readonly status: ClusterStatus | null }
  | { readonly kind: 'take-leader'; readonly ifRevision: Revision | null }
  | { readonly kind: 'release-lease'; readonly status: ClusterStatus | null }

export type LeaseAction = { readonly kind: 'keep-lease' } | LeaseWrite

export type FencerAction =
  /**
   * Arms the fencer until the end of the leadership now proved, less `marginMs`; `ahead`: until the end of the own
   * lease, on which leadership will hang if a request for it comes to be; `withinMs`: no longer than that from now,
   * because the leader key is about to move to a lease that short.
   */
  | {
      readonly kind: 'arm-fencer'
      readonly marginMs: Millis
      readonly ahead?: true
      readonly withinMs?: Millis
      /** To be taken over from the fencer of a former agent, if that one has it open. */
      readonly watchdog?: WatchdogRequest
    }
  /** Also switches the watchdog device off. */
  | { readonly kind: 'disarm-fencer' }
  /** Opens the watchdog device, or sets what is asked for now. */
  | { readonly kind: 'open-watchdog'; readonly request: WatchdogRequest }
  | { readonly kind: 'close-watchdog' }

export type KeyWrite =
  /**
   * Only while this node leads, by the leader key that it has in this reign: its fencer is armed; nothing need stop its
   * server, so that the fencer may be disarmed.
   */
  | {
      readonly kind: 'note-guarded' | 'note-unguarded'
      readonly ifRevision: Revision | null
      readonly leaderRevision: Revision
    }
  | { readonly kind: 'publish-member'; readonly record: MemberRecord }
  | { readonly kind: 'race-initialize' }
  | { readonly kind: 'write-initialize'; readonly value: string; readonly ifRevision: Revision | null }
  | { readonly kind: 'delete-initialize'; readonly ifRevision: Revision }
  | { readonly kind: 'write-config'; readonly document: JsonObject; readonly ifRevision: Revision | null }
  | { readonly kind: 'clear-failover'; readonly ifRevision: Revision }
  /** Marks the request as begun by this node: from then on it cannot be withdrawn or replaced. */
  | { readonly kind: 'claim-failover'; readonly request: FailoverRequest; readonly ifRevision: Revision }
  | {
      readonly kind: 'write-history'
      readonly lines: readonly HistoryLine[]
      /** The position on that timeline, written with it; null: unchanged. */
      readonly status: ClusterStatus | null
      readonly ifRevision: Revision | null
    }
  /** Only while this node leads. */
  | {
      readonly kind: 'write-failsafe'
      readonly members: FailsafeMembers
      readonly ifRevision: Revision | null
    }
  /** Only while this node leads. */
  | {
      readonly kind: 'note-takeover'
      readonly notes: readonly TakeoverNote[]
      readonly ifRevision: Revision | null
    }
  /** Only while this node leads. null: the key is deleted, because synchronous mode is off. */
  | {
      readonly kind: 'publish-sync'
      readonly state: SyncState | null
      readonly ifRevision: Revision | null
    }

  /** Only while this node leads, before its promotion. */
  | {
      readonly kind: 'note-promotion'
      readonly promotions: Promotions
      readonly ifRevision: Revision | null
    }

/** Steps on this node: its PostgreSQL, its orders, the agent itself. */
export type LocalStep =
  | { readonly kind: 'begin'; readonly job: Job }
  | { readonly kind: 'cancel-work'; readonly why: string }
  | { readonly kind: 'checkpoint-soon' }
  | {
      readonly kind: 'change-slots'
      readonly create: readonly string[]
      readonly drop: readonly string[]
      readonly advance: readonly { readonly name: string; readonly to: Lsn }[]
    }
  | { readonly kind: 'resume-replay' }
  /** synchronous_standby_names; null: PostgreSQL waits for nobody. Done: it is in force. */
  | { readonly kind: 'set-sync-names'; readonly value: string | null }
  /** Writes the wanted configuration beside the beats. */
  | { readonly kind: 'apply-configuration'; readonly wanted: number }
  /** Which node began a timeline of the local data; null: the requested promotion did not come about. */
  | { readonly kind: 'note-origin'; readonly systemIdentifier: string; readonly origin: Origin | null }
  | { readonly kind: 'answer-order'; readonly id: string; readonly answer: OrderAnswer }
  | { readonly kind: 'exit'; readonly code: number; readonly why: string }

export type Action = Question | LeaseAction | FencerAction | KeyWrite | LocalStep

export type ActionKind = Action['kind']

const LEASE_WRITES: Readonly<Record<LeaseWrite['kind'], true>> = {
  'adopt-lease': true,
  'acquire-lease': true,
  'renew-lease': true,
  'take-leader': true,
  'release-lease': true,
}

export function isLeaseWrite(kind: ActionKind): kind is LeaseWrite['kind'] {
  return Object.hasOwn(LEASE_WRITES, kind)
}
