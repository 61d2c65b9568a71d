// POST /switchover, POST /failover, DELETE /switchover. A request is written to etcd and then followed to its end: the
// reply says what the cluster became.

import { randomUUID } from 'node:crypto'
import { handoverProgress } from '../../judge/handover-progress.ts'
import type { ClusterView, FailoverRequest } from '../../model/cluster/cluster.ts'
import {
  type HandoverAction,
  type HandoverRequest,
  isSameRequest,
  standingOf,
} from '../../model/cluster/request.ts'
import type { BootMillis, MemberName, Millis } from '../../model/units.ts'
import { readFlags } from '../../wire/cluster-flags.ts'
import { type Context, READ_BUDGET_MS } from '../endpoint-context.ts'
import { outcomeReply, page, type Reply, statusOnly } from '../reply.ts'
import { readBody } from '../request/body.ts'
import { type Asked, loggable, readAsked } from '../request/failover-body.ts'
import { conflictWith, obstacleTo, readRequest } from './failover-checks.ts'

/** How long to wait for a report from the watch before looking anyway. */
const LOOK_EVERY_MS: Millis = 2000
const GLANCE_EVERY_MS: Millis = 100

export async function postFailover(context: Context, action: HandoverAction): Promise<Reply> {
  const body = readBody(context.request.body)
  if (!body.ok) return body.reply
  const read = readAsked(body.document)
  if (!read.ok) return read.reply
  const { asked } = read
  const when = asked.scheduledAt === undefined ? 'now' : String(asked.scheduledAt)
  context.log.info(
    `received ${action} request with leader=${shown(asked.leader)} candidate=${shown(asked.candidate)} scheduled_at=${loggable(when)} from ${sourceOf(context, asked)}`,
  )
  const cluster = await context.reads.read()
  if (!cluster.known) return page(503, `The cluster cannot be read: ${cluster.why}`)
  const flags = readFlags(cluster.value, context.state.settings())
  const judged = readRequest(asked, action, flags.paused, context.clock.wallMs())
  if (!judged.ok) return judged.reply
  const asking = judged.request
  if (asking.action !== action)
    context.log.warning('failover request names a leader: it is done as a switchover')
  const conflict = conflictWith(cluster.value, asked.note?.id ?? null, context.clock.wallMs())
  const obstacle = conflict ?? (await obstacleTo(asking, cluster.value, flags, context))
  return obstacle ?? carryOut(context, asking, asked, cluster.value, context.state.settings().loopWaitMs)
}

async function carryOut(
  context: Context,
  asking: HandoverRequest,
  asked: Asked,
  cluster: ClusterView,
  loopWaitMs: Millis,
): Promise<Reply> {
  const sinceMs = context.clock.bootMs()
  // A client that hung up may have asked another member meanwhile: nothing is begun for it.
  if (context.signal.aborted) return statusOnly(503)
  const limitSeconds = 2 * Math.max(10, Math.round(loopWaitMs / 1000))
  const request = requestFor(context, asking, asked, limitSeconds * 1000)
  // Listen before writing, so that even the fastest agent is not missed.
  const changes = new Changes(context)
  try {
    const written = await write(context, asking, request, cluster)
    if ('status' in written) return written
    context.state.wake(`rest: ${asking.action} requested`)
    if (asking.scheduledAt !== null) return outcomeReply(202, 'scheduled', 'Switchover scheduled')
    const oldLeader = cluster.leader?.name ?? null
    const reply = await followToEnd(
      context,
      changes,
      { action: asking.action, request, oldLeader, sinceMs },
      limitSeconds,
    )
    if (reply !== null) return reply
    // The client has gone or the agent stops: nobody reads this, and the request expires by itself.
    if (context.signal.aborted) return statusOnly(503)
    return await giveUp(context, asking, request, asked.note !== null, limitSeconds)
  } finally {
    changes.stop()
  }
}

/** A request of a command ends when the command does, which then withdraws it; any other ends with this answer. */
function requestFor(
  context: Context,
  asking: HandoverRequest,
  asked: Asked,
  limitMs: Millis,
): FailoverRequest {
  const { leader, candidate, scheduledAt } = asking
  const atMs = context.clock.wallMs()
  const untilMs = scheduledAt !== null ? null : (asked.note?.untilMs ?? atMs + limitMs)
  const id = asked.note?.id ?? randomUUID()
  const by = `${sourceOf(context, asked)} through ${context.self}`
  return { leader, candidate, scheduledAt, note: { id, by, atMs, untilMs, begunBy: null } }
}

function sourceOf({ request }: Context, { note }: Asked): string {
  return note?.by ?? `a client at ${request.from ?? 'an unknown address'}`
}

/** Guarded by the revision that was read, so that nothing newer is replaced. */
async function write(
  context: Context,
  asking: HandoverRequest,
  request: FailoverRequest,
  { failover }: ClusterView,
): Promise<Reply | { readonly done: true }> {
  // A request found here is either this one, already written, or one that its maker gave up.
  if (failover?.value.note?.id === request.note?.id && failover !== null) return { done: true }
  const outcome = await context.store.writeFailover(request, failover?.modRevision ?? null, READ_BUDGET_MS)
  if (outcome.kind === 'done') return { done: true }
  if (outcome.kind === 'unreachable' && outcome.mayBeWritten === true) {
    const until = endOf(request)
    return outcomeReply(
      503,
      'unknown',
      `${titled(asking.action)} status unknown; it may have been asked for${until}: ${outcome.why}`,
    )
  }
  if (outcome.kind === 'refused')
    return outcomeReply(
      409,
      'other-request',
      `another request was made at the same moment; this one was not: ${outcome.why}`,
    )
  return outcomeReply(503, 'not-done', `failed to write failover key into DCS: ${outcome.why}`)
}

/** The time to answer is over: a request that nobody has begun is withdrawn, lest it be carried out unattended. */
async function giveUp(
  context: Context,
  { action }: HandoverRequest,
  request: FailoverRequest,
  belongsToCommand: boolean,
  limitSeconds: number,
): Promise<Reply> {
  const name = titled(action)
  const unknown = `${name} status unknown after ${limitSeconds} seconds; operation may still be in progress`
  if (belongsToCommand) return outcomeReply(503, 'unknown', unknown)
  const read = await context.reads.read()
  if (!read.known) return outcomeReply(503, 'unknown', `${unknown}${endOf(request)}`)
  const standing = standingOf(read.value, other => isSameRequest(other, request))
  if (standing.kind !== 'pending') return outcomeReply(503, 'unknown', unknown)
  const outcome = await context.store.writeFailover(null, standing.revision, READ_BUDGET_MS)
  if (outcome.kind === 'done')
    return outcomeReply(
      503,
      'failed',
      `${name} failed: nobody began it within ${limitSeconds} seconds, and it was withdrawn`,
    )
  return outcomeReply(503, 'unknown', outcome.kind === 'refused' ? unknown : `${unknown}${endOf(request)}`)
}

function endOf({ note }: FailoverRequest): string {
  return note?.untilMs == null ? '' : `, until ${new Date(note.untilMs).toISOString()}`
}

export async function deleteSwitchover(context: Context): Promise<Reply> {
  const read = await context.reads.read()
  if (!read.known) return page(503, `The cluster cannot be read: ${read.why}`)
  const { failover } = read.value
  if (failover === null || failover.value.scheduledAt === null)
    return outcomeReply(404, 'nothing-scheduled', 'no switchover is scheduled')
  const outcome = await context.store.writeFailover(null, failover.modRevision, READ_BUDGET_MS)
  if (outcome.kind === 'unreachable') return page(503, `Deleting the switchover: ${outcome.why}`)
  if (outcome.kind === 'refused') return page(409)
  context.state.wake('rest: scheduled switchover deleted')
  return outcomeReply(200, 'deleted', 'scheduled switchover deleted')
}

/** A request on its way. */
interface Followed {
  readonly action: HandoverAction
  readonly request: FailoverRequest
  readonly oldLeader: MemberName | null
  /** Boot-time instant before it was written. */
  readonly sinceMs: BootMillis
}

/**
 * Looks at the cluster whenever the leader or the request changes, until the outcome is known; null: the time is over.
 */
async function followToEnd(
  context: Context,
  changes: Changes,
  followed: Followed,
  limitSeconds: number,
): Promise<Reply | null> {
  const { clock, signal } = context
  const deadlineMs = clock.bootMs() + limitSeconds * 1000
  while (!signal.aborted && clock.bootMs() < deadlineMs) {
    await changes.next(Math.min(LOOK_EVERY_MS, deadlineMs - clock.bootMs()))
    const read = await context.reads.read()
    const why = context.state.refusedSince(followed.sinceMs)
    const reply = read.known ? finalReply(read.value, followed, why) : null
    if (reply !== null) return reply
  }
  return null
}

/** null: still under way. */
function finalReply(
  cluster: ClusterView,
  { action, request, oldLeader }: Followed,
  why: string | null,
): Reply | null {
  const progress = handoverProgress(request, oldLeader, cluster)
  const over = `${action === 'switchover' ? 'switched' : 'failed'} over to`
  switch (progress.is) {
    case 'done':
      return progress.asAsked
        ? outcomeReply(200, 'done', `Successfully ${over} "${progress.by}"`)
        : outcomeReply(
            200,
            'done-by-another',
            `${titled(over)} "${progress.by}" instead of "${request.candidate}"`,
          )
    case 'over':
      return outcomeReply(503, 'failed', `${titled(action)} failed${why === null ? '' : `: ${why}`}`)
    case 'pending':
    case 'begun':
    case 'leaderless':
      return null
    default:
      return progress satisfies never
  }
}

/** Waits for a change of `leader` or `failover`; a change while nobody waits is not lost. */
class Changes {
  readonly #context: Context
  readonly #stopListening: () => void
  #told = new AbortController()
  #lookedAt: string

  constructor(context: Context) {
    this.#context = context
    this.#lookedAt = this.#fingerprint()
    // No keys: the view became unknown, or known again, and may have missed something.
    this.#stopListening = context.store.onChange(keys => {
      if (keys.length === 0 || keys.includes('leader') || keys.includes('failover')) this.#told.abort()
    })
  }

  /** Resolves at the next change, when the client goes, or after `ms`. */
  async next(ms: Millis): Promise<void> {
    const { clock, signal } = this.#context
    const deadlineMs = clock.bootMs() + ms
    const either = AbortSignal.any([this.#told.signal, signal])
    // The store does not report this node's own writes (it may be the candidate): they show in the view, in memory.
    while (!either.aborted && this.#fingerprint() === this.#lookedAt && clock.bootMs() < deadlineMs) {
      await clock.sleep(Math.min(GLANCE_EVERY_MS, ms), either)
    }
    this.#told = new AbortController()
    this.#lookedAt = this.#fingerprint()
  }

  #fingerprint(): string {
    const view = this.#context.store.view()
    return view.known ? `${view.value.leader?.modRevision} ${view.value.failover?.modRevision}` : ''
  }

  stop(): void {
    this.#stopListening()
  }
}

function titled(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

function shown(name: MemberName | null): string {
  return name === null ? 'None' : loggable(name)
}
