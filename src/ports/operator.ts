// What operator commands need of the outside: the store for any cluster of the namespace, and one member's REST API.
// Every call is bounded by its own budget and answers with a value; `refused` and `unreachable` are never mixed.

import type { ClusterView, FailoverRequest, JsonObject } from '../model/cluster/cluster.ts'
import type { DrainNote } from '../model/cluster/drained-member.ts'
import type { Seen } from '../model/seen.ts'
import type { MemberName, Millis, Revision, Scope } from '../model/units.ts'
import type { RemovalOutcome, WriteOutcome } from './store.ts'

export interface OperatorStore {
  /** A linearizable read of the cluster's whole prefix; a cluster that does not exist is a view without keys. */
  read(scope: Scope, budgetMs: Millis): Promise<Seen<ClusterView>>
  /** Names of the clusters in the namespace, sorted; bounded in number. */
  scopes(budgetMs: Millis): Promise<Seen<readonly string[]>>
  /** The same two for the shell's completion: one try over the quick way, and nothing rather than late. */
  glance(scope: Scope, budgetMs: Millis): Promise<Seen<ClusterView>>
  glanceScopes(budgetMs: Millis): Promise<readonly string[]>
  /** `ifRevision` null: create only if absent; a number: replace only at that mod revision. */
  writeConfig(
    scope: Scope,
    document: JsonObject,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** `request` null takes it away. `ifRevision` null: only if nothing is asked for; a number: only at that mod revision. */
  writeFailover(
    scope: Scope,
    request: FailoverRequest | null,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** As CommandStore.writeDrain. */
  writeDrain(
    scope: Scope,
    member: MemberName,
    note: DrainNote | null,
    ifRevision: Revision | null,
    budgetMs: Millis,
  ): Promise<WriteOutcome>
  /** As CommandStore.removeAll. */
  removeAll(
    scope: Scope,
    seen: { readonly leader: Revision | null; readonly initialize: Revision | null },
    budgetMs: Millis,
  ): Promise<RemovalOutcome>
  close(): Promise<void>
}

export interface MemberAddress {
  readonly name: MemberName
  readonly apiUrl: string
}

export interface MemberRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below the member's address, e.g. `/switchover`. */
  readonly path: string
  readonly body?: JsonObject
  readonly timeoutMs: Millis
}

export interface MemberAnswer {
  readonly kind: 'answered'
  readonly status: number
  readonly body: string
  /** What became of it, as hactl's members say it (`src/wire/outcome-code.ts`); null: Patroni's say nothing. */
  readonly code: string | null
}

export type MemberReply =
  | MemberAnswer
  /** Refused, cut off or too late; `why` is one clause without secrets. */
  | { readonly kind: 'unreachable'; readonly why: string }

export interface MemberApi {
  call(member: MemberAddress, request: MemberRequest): Promise<MemberReply>
}
