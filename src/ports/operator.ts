// What operator commands need from outside: the store for any cluster of the namespace, and one member's REST API.
// Every call is bounded by its own budget and answers with a value; `refused` and `unreachable` are never mixed.

import type { ClusterView, JsonObject } from '../model/cluster/cluster.ts'
import type { Seen } from '../model/seen.ts'
import type { MemberName, Millis, Scope } from '../model/units.ts'
import type { CommandStore } from './store.ts'

/** Commands make the calls of an agent's store, with the name of the cluster first. */
type NamingCluster<Call> = Call extends (...request: infer Request) => infer Answer
  ? (scope: Scope, ...request: Request) => Answer
  : never
type OfOneCluster = {
  readonly [Call in 'read' | 'writeConfig' | 'writeFailover' | 'writeDrain' | 'removeAll']: NamingCluster<
    CommandStore[Call]
  >
}

/** A cluster that does not exist is a view without keys. */
export interface OperatorStore extends OfOneCluster {
  /** Names of the clusters in the namespace, sorted; bounded in number. */
  scopes(budgetMs: Millis): Promise<Seen<readonly string[]>>
  /** Like `read` and `scopes`, for the shell's completion: one try the quick way; better no answer than a late one. */
  glance(scope: Scope, budgetMs: Millis): Promise<Seen<ClusterView>>
  glanceScopes(budgetMs: Millis): Promise<readonly string[]>
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
  /** The outcome as hactl's members report it (`src/wire/outcome-code.ts`); null: Patroni's report none. */
  readonly code: string | null
}

export type MemberReply =
  | MemberAnswer
  /** Refused, cut off or too late; `why` is one clause without secrets. */
  | { readonly kind: 'unreachable'; readonly why: string }

export interface MemberApi {
  call(member: MemberAddress, request: MemberRequest): Promise<MemberReply>
}
