// What the API asks the agent for: everything that it cannot answer from its copy of the node's state. Each question
// costs the agent's thread something, so the API asks few at a time (door/turnstile.ts, shared-question.ts).

import type { ClusterView } from '../model/cluster/cluster.ts'
import type { Seen } from '../model/seen.ts'
import type { Millis } from '../model/units.ts'
import type { Reply } from './reply.ts'

export interface AgentLine {
  /** Looks at PostgreSQL anew; afterwards the readings show the result. Ends within `budgetMs`, never rejects. */
  fresh(budgetMs: Millis): Promise<void>
  /** Refreshes the numbers that age, at most once a second. Returns at once. */
  refreshNumbers(): void
  /** A linearizable read of the cluster. Never rejects. */
  read(): Promise<Seen<ClusterView>>
  /** Does what an authorised client asks (agent-endpoints.ts). `signal` aborts when the client goes or the API stops. */
  perform(request: AgentRequest, signal: AbortSignal): Promise<Reply>
}

/** A request whose client may make it, with its whole body. */
export interface AgentRequest {
  readonly method: string
  /** As in the request line. */
  readonly url: string
  /** The client's address; null: it left. */
  readonly from: string | null
  /** The header `Force`. */
  readonly force: string | null
  /** Empty: there is none. */
  readonly body: string
}
