// The endpoints that only the agent can answer, because they change something or ask PostgreSQL (spec/interfaces.md 1.11).

import type { Context } from './endpoint-context.ts'
import { patchConfig, putConfig } from './endpoints/config-endpoints.ts'
import { deleteSwitchover, postFailover } from './endpoints/failover-endpoints.ts'
import { postFailsafe } from './endpoints/failsafe-endpoints.ts'
import { deleteRestart, postReinitialize, postRestart } from './endpoints/order-endpoints.ts'
import { getParameters } from './endpoints/parameters-endpoint.ts'
import { type Reply, text } from './reply.ts'
import type { BodyNeed } from './request/body.ts'
import type { Protection } from './request/client-access.ts'

export interface AgentEndpoint {
  /** null: anybody may ask. */
  readonly protection: Protection | null
  readonly body: BodyNeed
  readonly answer: (context: Context) => Reply | Promise<Reply>
}

/** Keys are `METHOD segment`. */
export const AGENT_ENDPOINTS: ReadonlyMap<string, AgentEndpoint> = new Map<string, AgentEndpoint>([
  ['GET parameters', { protection: null, body: 'none', answer: getParameters }],
  ['PATCH config', guarded('needed', patchConfig)],
  ['PUT config', guarded('needed', putConfig)],
  ['POST reload', guarded('none', postReload)],
  ['POST switchover', guarded('needed', context => postFailover(context, 'switchover'))],
  ['POST failover', guarded('needed', context => postFailover(context, 'failover'))],
  ['DELETE switchover', guarded('none', deleteSwitchover)],
  ['POST failsafe', { protection: 'without-members', body: 'needed', answer: postFailsafe }],
  ['POST restart', guarded('optional', postRestart)],
  ['DELETE restart', guarded('none', deleteRestart)],
  ['POST reinitialize', guarded('optional', postReinitialize)],
])

function guarded(body: BodyNeed, answer: AgentEndpoint['answer']): AgentEndpoint {
  return { protection: 'address-of-members-too', body, answer }
}

function postReload(context: Context): Reply {
  context.state.reload()
  return text(202, 'reload scheduled')
}
