// POST and DELETE /restart, POST /reinitialize: each leaves an order for this node's next beat, and answers in the
// words that patronictl's users know (spec/interfaces.md 1.8).

import { randomUUID } from 'node:crypto'
import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import type { Order, OrderAnswer } from '../../model/decision/order.ts'
import { own } from '../../model/settings/patch.ts'
import { primaryStopLimitMs } from '../../model/settings/stop-limit.ts'
import { parseBoolean } from '../../model/settings/values.ts'
import type { Millis } from '../../model/units.ts'
import type { Context } from '../endpoint-context.ts'
import { outcomeReply, type Reply, statusOnly } from '../reply.ts'
import { readOptionalBody } from '../request/body.ts'
import { readRestart } from '../request/restart-body.ts'

/** How long an order may wait for its work to begin: an election, a comparison with the leader. */
const BEGIN_LIMIT_MS: Millis = 15_000
/** Allowance around a stop and a start: for a checkpoint, and for the beat that sees the end. */
const AROUND_MS: Millis = 60_000
/** For a start without a limit of its own (primary_start_timeout 0). */
const START_MS: Millis = 300_000

export async function postRestart(context: Context): Promise<Reply> {
  const body = readOptionalBody(context.request.body)
  if (!body.ok) return body.reply
  const { document } = body
  if ('schedule' in document && context.state.status().paused) return pausedReply()
  const read = readRestart(document, context.clock.wallMs())
  if (!read.ok) return read.reply
  const { filters, timeoutMs, atMs, shown } = read.asked
  const who = { id: randomUUID(), by: clientOf(context) }
  context.log.info(`received a request to restart from ${who.by}: ${JSON.stringify(shown)}`)
  return give(
    context,
    atMs === null
      ? { kind: 'restart', ...who, filters, timeoutMs }
      : { kind: 'schedule-restart', ...who, filters, timeoutMs, atMs, shown },
    'restart',
  )
}

export function deleteRestart(context: Context): Promise<Reply> {
  const order = { kind: 'delete-scheduled-restart', id: randomUUID(), by: clientOf(context) } as const
  return give(context, order, 'restart')
}

export async function postReinitialize(context: Context): Promise<Reply> {
  const body = readOptionalBody(context.request.body)
  if (!body.ok) return body.reply
  const order = {
    kind: 'reinitialize',
    id: randomUUID(),
    by: clientOf(context),
    force: flag(body.document, 'force'),
    fromLeader: flag(body.document, 'from_leader') || flag(body.document, 'from-leader'),
  } as const
  context.log.info(
    `received a request to reinitialize from ${order.by}${order.force ? ', forced' : ''}${order.fromLeader ? ', from the leader' : ''}`,
  )
  return give(context, order, 'reinitialize')
}

async function give(context: Context, order: Order, task: 'restart' | 'reinitialize'): Promise<Reply> {
  const limits = { beginMs: BEGIN_LIMIT_MS, endMs: endLimitMs(context, order) }
  const answer = await context.state.order(order, limits, context.signal)
  if (answer !== null) return replyTo(answer, task)
  // Nobody reads this.
  if (context.signal.aborted) return statusOnly(503)
  const rule = String(context.state.extra().rule ?? 'unknown')
  const limit = BEGIN_LIMIT_MS / 1000
  return outcomeReply(
    503,
    'refused',
    `${task} failed: not begun within ${limit} seconds, and withdrawn (the agent is at ${rule})`,
  )
}

/** A stop may take as long as a start. The work's own limits end it before this, unless a process hangs. */
function endLimitMs({ state }: Context, order: Order): Millis {
  const asked = order.kind === 'restart' ? order.timeoutMs : null
  const startMs = asked ?? (state.settings().primaryStartTimeoutMs || START_MS)
  return startMs + Math.max(startMs, primaryStopLimitMs(state.settings()) ?? 0) + AROUND_MS
}

function replyTo(answer: OrderAnswer, task: 'restart' | 'reinitialize'): Reply {
  switch (answer.is) {
    case 'restarted':
      return outcomeReply(200, 'done', 'restarted successfully')
    case 'started':
      return outcomeReply(200, 'done', 'reinitialize started')
    case 'scheduled':
      return outcomeReply(202, 'scheduled', 'Restart scheduled')
    case 'deleted':
      return outcomeReply(200, 'deleted', 'scheduled restart deleted')
    case 'conditions':
      return outcomeReply(503, 'conditions', 'restart conditions are not satisfied')
    case 'busy':
      return outcomeReply(503, 'busy', answer.why)
    case 'paused':
      return pausedReply()
    case 'already-scheduled':
      return outcomeReply(409, 'other-request', 'Another restart is already scheduled')
    case 'nothing-scheduled':
      return outcomeReply(404, 'nothing-scheduled', 'no restarts are scheduled')
    case 'no-leader':
      return outcomeReply(503, 'no-leader-to-copy', 'Cluster has no leader, can not reinitialize')
    case 'leader':
      return outcomeReply(503, 'is-leader', 'I am the leader, can not reinitialize')
    case 'still-starting':
      return outcomeReply(503, 'still-starting', 'postgres is still starting')
    case 'failed':
      return outcomeReply(503, 'failed', `${task} failed: ${answer.why}`)
    case 'refused':
      return outcomeReply(503, 'refused', `${task} failed: ${answer.why}`)
    default:
      return answer satisfies never
  }
}

function pausedReply(): Reply {
  return outcomeReply(500, 'paused', "Can't schedule restart in the paused state")
}

function flag(document: JsonObject, key: string): boolean {
  const value: Json | undefined = own(document, key)
  return value !== undefined && value !== null && parseBoolean(value) === true
}

function clientOf({ request }: Context): string {
  return `a client at ${request.from ?? 'an unknown address'}`
}
