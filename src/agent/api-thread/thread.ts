// The API's thread. It has no other way to the node than the port to the agent's thread and the lease's cell.

import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { ClusterView } from '../../model/cluster/cluster.ts'
import type { Seen } from '../../model/seen.ts'
import { unseen } from '../../model/seen.ts'
import type { Millis } from '../../model/units.ts'
import { type Clock, inTime } from '../../ports/clock.ts'
import type { AgentLine } from '../../rest/agent-line.ts'
import { READ_BUDGET_MS } from '../../rest/endpoint-context.ts'
import type { Reply } from '../../rest/reply.ts'
import { createApiServer, type RestServer } from '../../rest/server.ts'
import { systemClock } from '../../system/clock.ts'
import { leaseCell } from './lease-cell.ts'
import { createLogRelay } from './log-relay.ts'
import { MessageLine } from './message-line.ts'
import { Mirror } from './mirror.ts'
import type { ApiThreadStart, ToAgent, ToldByThread, ToThread } from './words.ts'

/** More than a read takes that the agent's thread begins in time. */
const LEEWAY_MS: Millis = 1000
/** The agent looks no more often, however many checks arrive. */
const REFRESH_MS: Millis = 1000

type Line = MessageLine<ToAgent, ToldByThread, ToThread, never>

/** Answers the agent's questions until the agent ends the thread. */
function runApiThread(port: NonNullable<typeof parentPort>, start: ApiThreadStart): void {
  const clock = systemClock()
  const mirror = new Mirror(start.readings, leaseCell(start.lease), clock)
  const line: Line = new MessageLine(port, {
    answer: question => answer(question, server, mirror),
    told: () => {},
  })
  const log = createLogRelay({
    clock,
    wantsDebug: () => mirror.wantsDebug(),
    send: (level, text) => line.tell({ is: 'log', level, text }),
  })
  const { self, scope } = start
  const agent = agentOver(line, clock)
  const server = createApiServer(start.config, { readings: mirror, line: agent, self, scope, clock, log })
}

async function answer(question: ToThread, server: RestServer, mirror: Mirror): Promise<unknown> {
  switch (question.is) {
    case 'listen':
      await server.start()
      return server.port()
    case 'reload':
      return [await server.reload(question.config), server.port()]
    case 'stop':
      return server.stop()
    case 'readings':
      mirror.take(question.changed)
      return null
    default:
      return question satisfies never
  }
}

/** When the agent ends, so does this thread: nothing waits for an answer then. */
function agentOver(line: Line, clock: Clock): AgentLine {
  let refreshedAtMs = Number.NEGATIVE_INFINITY
  return {
    async fresh(budgetMs) {
      await line.ask({ is: 'fresh', budgetMs })
    },
    refreshNumbers() {
      if (clock.bootMs() - refreshedAtMs < REFRESH_MS) return
      refreshedAtMs = clock.bootMs()
      line.tell({ is: 'refresh' })
    },
    read() {
      const reading = line.ask({ is: 'read' }).then(
        view => view as Seen<ClusterView>,
        (error: Error) => unseen(error.message),
      )
      const late = () => unseen('the agent does not answer')
      return inTime<Seen<ClusterView>>(reading, READ_BUDGET_MS + LEEWAY_MS, clock, late)
    },
    perform: (request, signal) => line.ask({ is: 'perform', request }, signal).then(reply => reply as Reply),
  }
}

if (!isMainThread && parentPort !== null) runApiThread(parentPort, workerData as ApiThreadStart)
