// The ports that actions need, and the result of an action.

import type { Learned } from '../model/decision/learned.ts'
import type { Outcome } from '../model/decision/outcome.ts'
import type { Clock } from '../ports/clock.ts'
import type { ConfigurationWriter } from '../ports/configuration.ts'
import type { Fencer } from '../ports/fencer.ts'
import type { LeaseGuard } from '../ports/lease-guard.ts'
import type { Orders } from '../ports/orders.ts'
import type { AgentPeers } from '../ports/peers.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { ClaimLock } from '../ports/promises.ts'
import type { Store } from '../ports/store.ts'
import type { WorkRunner } from './work-runner.ts'

export interface ActPorts {
  readonly store: Store
  readonly postgres: Postgres
  readonly peers: AgentPeers
  readonly fencer: Fencer
  readonly clock: Clock
  readonly guard: LeaseGuard
  readonly promises: ClaimLock
  readonly work: WorkRunner
  readonly orders: Orders
  readonly configuration: ConfigurationWriter
  /** Ends the agent's loop; the process leaves with this code. */
  readonly exit: (code: number, why: string) => void
}

export type Performed = { readonly outcome: Outcome } & Partial<Omit<Learned, 'outcomes'>>
