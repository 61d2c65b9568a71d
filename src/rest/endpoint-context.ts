// The services that every endpoint gets.

import type { IncomingMessage } from 'node:http'
import type { JsonObject } from '../model/cluster/cluster.ts'
import type { Seen } from '../model/seen.ts'
import type { ParameterAnswer } from '../model/server/parameter.ts'
import type { MemberName, Millis, Scope } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Peers } from '../ports/peers.ts'
import type { Store } from '../ports/store.ts'
import type { FreshReads } from './fresh-read.ts'
import type { NodeState } from './node-view.ts'
import type { Target } from './request/target.ts'

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
  /** What the running PostgreSQL says about these parameters. */
  readonly parameters: (names: readonly string[], limitMs: Millis) => Promise<Seen<ParameterAnswer>>
}

export interface Context extends Services {
  readonly request: IncomingMessage
  readonly target: Target
  readonly reads: FreshReads
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal
}
