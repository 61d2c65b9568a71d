// The agent's HTTP API: what is answered how. Health checks, probes and metrics are answered from memory, at once; the
// documents from reads that clients share; what changes something is passed to the agent. The protocol is Patroni's
// (spec/interfaces.md 1).

import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorText } from '../model/error-text.ts'
import type { BootMillis, MemberName, Millis, Scope } from '../model/units.ts'
import { type Clock, inTime } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { AGENT_HANGS } from '../wire/outcome-code.ts'
import { AGENT_ENDPOINTS, type AgentEndpoint } from './agent-endpoints.ts'
import type { AgentLine } from './agent-line.ts'
import { metricsText } from './documents/metrics.ts'
import { type Facts, readFacts } from './documents/request-facts.ts'
import { type Identity, statusDocument } from './documents/status-document.ts'
import { TextCache } from './documents/text-cache.ts'
import type { Turnstile } from './door/turnstile.ts'
import { isFailsafeOff } from './endpoints/failsafe-endpoints.ts'
import { healthStatus } from './endpoints/health-check.ts'
import { hasHangingBeat, livenessStatus, readinessObstacle } from './endpoints/probes.ts'
import { ENDPOINTS } from './endpoints.ts'
import type { NodeReadings } from './node-view.ts'
import { type CommonHeaders, json, page, type Reply, replyStatus, send, statusOnly } from './reply.ts'
import { receiveBody } from './request/body.ts'
import type { AccessControl } from './request/client-access.ts'
import { parseTarget, type Target } from './request/target.ts'
import { clientOf, RequestLog } from './request-log.ts'
import { SharedQuestion } from './shared-question.ts'

/** Peers wait two seconds for GET /patroni, connecting included. */
const FRESH_BUDGET_MS: Millis = 1500
/** A look at PostgreSQL may be shared by requests that come this close together. */
const FRESH_SHARED_MS: Millis = 1000
/** How much of a request's URL the log shows, in characters. */
const URL_SHOWN = 500
/** Why a wait is over. */
const GONE = 'the client has gone, or the API stops'

export interface ApiPorts {
  readonly readings: NodeReadings
  readonly line: AgentLine
  readonly self: MemberName
  readonly scope: Scope
  readonly clock: Clock
  readonly log: Log
}

/** What anybody may ask the agent must not keep those waiting who may change something. */
interface Turnstiles {
  readonly guarded: Turnstile
  readonly open: Turnstile
}

/** What a reload replaces. */
export interface ApiPolicy {
  readonly access: AccessControl
  readonly common: CommonHeaders
}

export class Api {
  readonly #ports: ApiPorts
  readonly #stiles: Turnstiles
  readonly #identity: Identity
  readonly #reading: SharedQuestion<Awaited<ReturnType<AgentLine['read']>>>
  readonly #looking: SharedQuestion<void>
  readonly #document = new TextCache(1000)
  readonly #metrics = new TextCache(200)
  readonly #requests: RequestLog
  /** One for each request that is not answered at once, so that `stop` can end it. */
  readonly #waiting = new Set<AbortController>()
  #policy: ApiPolicy

  constructor(ports: ApiPorts, stiles: Turnstiles, policy: ApiPolicy) {
    this.#ports = ports
    this.#stiles = stiles
    this.#policy = policy
    this.#identity = { scope: ports.scope, name: ports.self }
    this.#requests = new RequestLog(ports.log, ports.clock)
    this.#reading = new SharedQuestion(() => ports.line.read(), ports.clock)
    this.#looking = new SharedQuestion(() => ports.line.fresh(FRESH_BUDGET_MS), ports.clock)
  }

  use(policy: ApiPolicy): void {
    this.#policy = policy
  }

  /** Ends all waits. */
  stop(): void {
    for (const request of this.#waiting) request.abort(GONE)
    this.#requests.stop()
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const target = parseTarget(request.url ?? '/')
    const method = request.method ?? 'GET'
    this.#logAccess(request, response)
    try {
      const later = this.#answerOf(method, target, request)
      if (later !== null) void this.#answerLater(request, response, later)
      else send(response, this.#fromMemory(method, target), this.#policy.common)
    } catch (error) {
      this.#failed(request, response, error)
    }
  }

  /** null: it is answered from memory. */
  #answerOf(
    method: string,
    target: Target,
    request: IncomingMessage,
  ): ((signal: AbortSignal) => Promise<Reply>) | null {
    const byAgent = AGENT_ENDPOINTS.get(`${method} ${target.segment}`)
    if (byAgent !== undefined) return signal => this.#throughAgent(byAgent, request, target, signal)
    if (method !== 'GET') return null
    if (target.segment === 'patroni') return () => this.#patroni()
    const endpoint = ENDPOINTS.get(target.segment)
    if (endpoint === undefined) return null
    const { readings, scope } = this.#ports
    return async () => endpoint({ readings, scope, read: () => this.#reading.answer() })
  }

  /** Patroni's line, only at DEBUG: a load balancer asks every second. */
  #logAccess(request: IncomingMessage, response: ServerResponse): void {
    const { clock, log } = this.#ports
    const askedAtMs = clock.bootMs()
    const from = request.socket.remoteAddress ?? '-'
    response.once('close', () => {
      const line = `${request.method} ${request.url?.slice(0, URL_SHOWN)} HTTP/${request.httpVersion}`
      const status = response.writableFinished ? response.statusCode : 'no answer: the client left'
      const tookMs = Math.max(0, clock.bootMs() - askedAtMs)
      log.debug(`API thread: ${from} - - "${line}" ${status} - latency: ${tookMs.toFixed(3)} ms`)
    })
  }

  #fromMemory(method: string, target: Target): Reply {
    if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') {
      return page(501, `Unsupported method ('${method}')`)
    }
    const facts = this.#facts()
    if (method === 'GET') {
      this.#ports.line.refreshNumbers()
      switch (target.segment) {
        case 'liveness':
          return statusOnly(livenessStatus(facts), hasHangingBeat(facts) ? AGENT_HANGS : null)
        case 'readiness':
          return this.#readiness(facts, target)
        case 'metrics':
          return { kind: 'metrics', body: this.#metricsText(facts) }
      }
    } else if (!facts.leads) this.#ports.line.refreshNumbers()
    const status = healthStatus(facts, target)
    return method === 'GET' ? json(status, this.#documentText(facts)) : statusOnly(status)
  }

  #readiness(facts: Facts, target: Target): Reply {
    const obstacle = readinessObstacle(facts, target.query)
    if (obstacle === null) return statusOnly(200)
    this.#ports.log.debug(`Readiness check failure: ${obstacle}`)
    return statusOnly(503)
  }

  /** Peers ask this in an election: so look at PostgreSQL anew; an old look does not count. */
  async #patroni(): Promise<Reply> {
    const { clock } = this.#ports
    const askedAtMs = clock.bootMs()
    // A look that outlives its budget is a bug in the agent; the peer gets its answer all the same.
    await inTime<unknown>(this.#looking.answer(), FRESH_BUDGET_MS + 100, clock, () => undefined)
    return json(200, this.#documentText(this.#facts(askedAtMs - FRESH_SHARED_MS)))
  }

  #facts(serverNotBeforeMs?: BootMillis): Facts {
    const { readings, self, clock } = this.#ports
    return readFacts(readings, self, clock.bootMs(), serverNotBeforeMs)
  }

  #documentText(facts: Facts): string {
    const { readings } = this.#ports
    return this.#document.text(facts, () =>
      statusDocument(facts, this.#identity, { extra: readings.extra(), logger: readings.logger() }),
    )
  }

  #metricsText(facts: Facts): string {
    return this.#metrics.text(facts, () => metricsText(facts, this.#identity))
  }

  async #throughAgent(
    endpoint: AgentEndpoint,
    request: IncomingMessage,
    target: Target,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { remoteAddress } = request.socket
    const told = (reply: Reply): Reply => {
      if (request.method !== 'GET')
        this.#requests.answered(clientOf(request), `${request.method} /${target.segment}`, replyStatus(reply))
      return reply
    }
    const refusal = await this.#refusal(endpoint, request, target)
    if (refusal !== null) return told(refusal)
    const stile = endpoint.protection === null ? this.#stiles.open : this.#stiles.guarded
    const leave = await stile.enter(remoteAddress, signal)
    if (leave === null) return told(page(503, 'Too many requests are under way'))
    try {
      const received = await receiveBody(request, endpoint.body)
      if (!received.ok) return told(received.reply)
      const { force } = request.headers
      return await this.#ports.line.perform(
        {
          ...{ method: request.method ?? 'GET', url: request.url ?? '/', from: remoteAddress ?? null },
          ...{ force: typeof force === 'string' ? force : null, body: received.text },
        },
        signal,
      )
    } finally {
      leave()
    }
  }

  /** Whoever may not ask takes nobody's place at the turnstile. */
  async #refusal(
    { protection }: AgentEndpoint,
    request: IncomingMessage,
    target: Target,
  ): Promise<Reply | null> {
    const refusal = protection === null ? null : await this.#policy.access.refusal(request, protection)
    if (refusal !== null || target.segment !== 'failsafe') return refusal
    return isFailsafeOff(this.#ports.readings)
  }

  async #answerLater(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (signal: AbortSignal) => Promise<Reply>,
  ): Promise<void> {
    const gone = new AbortController()
    this.#waiting.add(gone)
    response.once('close', () => {
      this.#waiting.delete(gone)
      gone.abort(GONE)
    })
    try {
      const reply = await answer(gone.signal)
      send(response, reply, this.#policy.common)
    } catch (error) {
      this.#failed(request, response, error)
    }
  }

  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const asked = `${request.method} ${request.url?.slice(0, URL_SHOWN)}`
    this.#requests.of(clientOf(request)).error(`REST API: ${asked} failed: ${errorText(error)}`)
    send(response, page(500), this.#policy.common)
  }
}
