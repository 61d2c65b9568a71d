// What an endpoint gets that the agent answers (agent-endpoints.ts).

import type { ClusterView, JsonObject } from '../model/cluster/cluster.ts'
import type { Seen } from '../model/seen.ts'
import type { ParameterAnswer } from '../model/server/parameter.ts'
import type { MemberName, Millis, Scope } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Peers } from '../ports/peers.ts'
import type { Store } from '../ports/store.ts'
import type { AgentRequest } from './agent-line.ts'
import type { NodeState } from './node-view.ts'
import type { Target } from './request/target.ts'

export const READ_BUDGET_MS: Millis = 5000

export interface Services {
  readonly state: NodeState
  readonly store: Store
  readonly peers: Peers
  readonly self: MemberName
  readonly scope: Scope
  readonly clock: Clock
  readonly log: Log
  /** What is wrong with a dynamic configuration, a sentence each; empty: nothing. */
  readonly validateDynamic: (document: JsonObject) => readonly string[]
  /** Does a document hold anything that a node reads? One that does not sets everything back to its default. */
  readonly hasSetting: (document: JsonObject) => boolean
  /** What the running PostgreSQL says about these parameters. */
  readonly parameters: (names: readonly string[], limitMs: Millis) => Promise<Seen<ParameterAnswer>>
}

export interface Context extends Services {
  readonly request: AgentRequest
  readonly target: Target
  /** Linearizable reads of the cluster, which requests share. */
  readonly reads: { read(): Promise<Seen<ClusterView>> }
  /** Aborts when the client goes away or the API stops. */
  readonly signal: AbortSignal
}
