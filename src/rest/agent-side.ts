// The agent's side of the line: looks, reads and does what the API asks for. In the agent's thread.

import { errorText } from '../model/error-text.ts'
import { unseen } from '../model/seen.ts'
import { AGENT_ENDPOINTS } from './agent-endpoints.ts'
import type { AgentLine } from './agent-line.ts'
import { READ_BUDGET_MS, type Services } from './endpoint-context.ts'
import { page, replyStatus } from './reply.ts'
import { plainAddress } from './request/allowlist.ts'
import { parseTarget } from './request/target.ts'
import { RequestLog } from './request-log.ts'
import { SharedQuestion } from './shared-question.ts'

export interface AgentSide extends AgentLine {
  /** Tells what was left out of the log so far. */
  stop(): void
}

export function createAgentSide(services: Services): AgentSide {
  const { state, store, clock } = services
  const requests = new RequestLog(services.log, clock)
  const reading = new SharedQuestion(
    () => store.read(READ_BUDGET_MS).catch((error: unknown) => unseen(errorText(error))),
    clock,
  )
  const read = () => reading.answer()
  return {
    fresh: budgetMs => state.fresh(budgetMs),
    refreshNumbers: () => state.refreshNumbers(),
    read,
    async perform(request, signal) {
      const target = parseTarget(request.url)
      const endpoint = AGENT_ENDPOINTS.get(`${request.method} ${target.segment}`)
      if (endpoint === undefined) return page(501)
      const from = plainAddress(request.from ?? undefined) || 'a client that left'
      const log = requests.of(from)
      const reply = await endpoint.answer({ ...services, log, request, target, reads: { read }, signal })
      const asked = `${request.method} /${target.segment}`
      if (request.method !== 'GET') requests.answered(from, asked, replyStatus(reply))
      return reply
    },
    stop: () => requests.stop(),
  }
}
