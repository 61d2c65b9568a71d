// The agent's HTTP API. Health checks, probes and metrics are answered from memory, at once; everything else is an
// endpoint of its own (endpoints.ts). The protocol is Patroni's (spec/interfaces.md 1).

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { bareHost, formatAddress } from '../model/address.ts'
import { errorText } from '../model/error-text.ts'
import type { RestApiConfig } from '../model/settings/config.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import { PROTOCOL_VERSION } from '../model/versions.ts'
import { AGENT_HANGS } from '../wire/outcome-code.ts'
import { metricsText } from './documents/metrics.ts'
import { type Facts, readFacts } from './documents/request-facts.ts'
import { type Identity, StatusCache } from './documents/status-document.ts'
import type { Context, Services } from './endpoint-context.ts'
import { healthStatus } from './endpoints/health-check.ts'
import { hasHangingBeat, livenessStatus, readinessObstacle } from './endpoints/probes.ts'
import { ENDPOINTS, type Endpoint } from './endpoints.ts'
import { FreshReads } from './fresh-read.ts'
import { Listener } from './listener.ts'
import { type CommonHeaders, json, page, type Reply, replyStatus, send, statusOnly } from './reply.ts'
import { AccessControl } from './request/client-access.ts'
import { parseTarget, type Target } from './request/target.ts'
import { clientOf, RequestLog } from './request-log.ts'

/** Peers wait two seconds for GET /patroni, connecting included. */
const FRESH_BUDGET_MS: Millis = 1500
/** A look at PostgreSQL may be shared by requests that come this close together. */
const FRESH_SHARED_MS: Millis = 1000
/** How much of a request's URL the log shows, in characters. */
const URL_SHOWN = 500

export interface RestServerOptions extends Services {
  readonly config: RestApiConfig
}

export interface RestServer {
  /** Listens; rejects with the reason when it cannot. */
  start(): Promise<void>
  /** Puts a new configuration in force; the old one stays when listening on the new one fails (false, and logged). */
  reload(config: RestApiConfig): Promise<boolean>
  /** Bounded; requests under way get two seconds. */
  stop(): Promise<void>
  /** The listening port; 0 before `start`. */
  port(): number
}

export function createRestServer(options: RestServerOptions): RestServer {
  const api = new RestApi(options)
  return {
    start: () => api.start(),
    reload: config => api.reload(config),
    stop: () => api.stop(),
    port: () => api.port(),
  }
}

class RestApi {
  readonly #services: Services
  readonly #identity: Identity
  readonly #reads: FreshReads
  readonly #document = new StatusCache()
  readonly #requests: RequestLog
  /** One for each request that is not answered at once, so that `stop` can end it. */
  readonly #waiting = new Set<AbortController>()
  #config: RestApiConfig
  #access: AccessControl
  #common: CommonHeaders
  #listener: Listener | null = null

  constructor(options: RestServerOptions) {
    this.#services = options
    this.#config = options.config
    this.#identity = { scope: options.scope, name: options.self }
    this.#reads = new FreshReads(options.store, options.clock)
    this.#requests = new RequestLog(options.log, options.clock)
    this.#access = this.#accessControl()
    this.#common = commonHeaders(options.config)
  }

  async start(): Promise<void> {
    this.#warnIfOpen()
    this.#listener = await this.#open(this.#config)
  }

  async reload(config: RestApiConfig): Promise<boolean> {
    const before = this.#config
    // With TLS even an unchanged section may name changed files: rebuilding the listener takes a few milliseconds.
    const rebuild =
      config.tls !== null || JSON.stringify(listening(before)) !== JSON.stringify(listening(config))
    if (rebuild && this.#listener !== null) {
      const closing = this.#listener.close()
      try {
        this.#listener = await this.#open(config)
      } catch (error) {
        this.#services.log.error(
          `REST API: the new configuration cannot be used, the old one stays: ${errorText(error)}`,
        )
        this.#listener = await this.#open(before)
        return false
      } finally {
        await closing
      }
    }
    this.#config = config
    this.#access = this.#accessControl()
    this.#common = commonHeaders(config)
    if (rebuild) this.#warnIfOpen()
    return true
  }

  async stop(): Promise<void> {
    for (const request of this.#waiting) request.abort()
    await this.#listener?.close()
    this.#listener = null
    this.#requests.stop()
  }

  port(): number {
    return this.#listener?.port ?? 0
  }

  #open(config: RestApiConfig): Promise<Listener> {
    const { clock, log } = this.#services
    return Listener.open(config, (request, response) => this.#answer(request, response), clock, log)
  }

  #accessControl(): AccessControl {
    return new AccessControl(this.#config, this.#services.state, this.#services.clock, this.#services.log)
  }

  /** One line, once: whoever can reach the port can reconfigure the cluster. */
  #warnIfOpen(): void {
    const { listen, credentials, allowlist, allowlistIncludeMembers, tls, verifyClient } = this.#config
    const restricted = credentials !== null || allowlist.length > 0 || allowlistIncludeMembers
    if (isLoopback(listen.host) || restricted || (tls !== null && verifyClient !== 'none')) return
    this.#services.log.warning(
      `REST API on ${formatAddress(listen)} lets anybody change the cluster: set restapi.authentication, allowlist or verify_client`,
    )
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const target = parseTarget(request.url ?? '/')
    const method = request.method ?? 'GET'
    this.#logAccess(request, response)
    try {
      const endpoint = ENDPOINTS.get(`${method} ${target.segment}`)
      if (endpoint !== undefined) {
        void this.#answerLater(request, response, context => this.#endpoint(endpoint, context), target)
        return
      }
      if (method === 'GET' && target.segment === 'patroni') {
        void this.#answerLater(request, response, () => this.#patroni(), target)
        return
      }
      send(response, this.#fromMemory(method, target), this.#common)
    } catch (error) {
      this.#failed(request, response, error)
    }
  }

  /** Patroni's line, only at DEBUG: a load balancer asks every second. */
  #logAccess(request: IncomingMessage, response: ServerResponse): void {
    const { clock, log } = this.#services
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
      this.#services.state.refreshNumbers()
      switch (target.segment) {
        case 'liveness':
          return statusOnly(livenessStatus(facts), hasHangingBeat(facts) ? AGENT_HANGS : null)
        case 'readiness':
          return this.#readiness(facts, target)
        case 'metrics':
          return { kind: 'metrics', body: metricsText(facts, this.#identity) }
      }
    } else if (!facts.leads) this.#services.state.refreshNumbers()
    const status = healthStatus(facts, target)
    return method === 'GET' ? json(status, this.#documentText(facts)) : statusOnly(status)
  }

  #readiness(facts: Facts, target: Target): Reply {
    const obstacle = readinessObstacle(facts, target.query)
    if (obstacle === null) return statusOnly(200)
    this.#services.log.debug(`Readiness check failure: ${obstacle}`)
    return statusOnly(503)
  }

  /** Peers ask this in an election: so look at PostgreSQL anew; an old look does not count. */
  async #patroni(): Promise<Reply> {
    const { clock, state } = this.#services
    const askedAtMs = clock.bootMs()
    const looked = new AbortController()
    const looking = state.fresh(FRESH_BUDGET_MS).finally(() => looked.abort())
    // A look that outlives its budget is a bug in the agent; the peer gets its answer all the same.
    await Promise.race([looking, clock.sleep(FRESH_BUDGET_MS + 100, looked.signal)])
    return json(200, this.#documentText(this.#facts(askedAtMs - FRESH_SHARED_MS)))
  }

  #facts(serverNotBeforeMs?: BootMillis): Facts {
    const { state, self, clock } = this.#services
    return readFacts(state, self, clock.bootMs(), serverNotBeforeMs)
  }

  #documentText(facts: Facts): string {
    const { state } = this.#services
    return this.#document.text(facts, this.#identity, () => ({
      extra: state.extra(),
      logger: state.logger(),
    }))
  }

  async #endpoint(endpoint: Endpoint, context: Context): Promise<Reply> {
    if (endpoint.protection !== null) {
      const refusal = await this.#access.refusal(context.request, endpoint.protection)
      if (refusal !== null) return refusal
    }
    return endpoint.answer(context)
  }

  async #answerLater(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (context: Context) => Promise<Reply>,
    target: Target,
  ): Promise<void> {
    const gone = new AbortController()
    this.#waiting.add(gone)
    response.once('close', () => {
      this.#waiting.delete(gone)
      gone.abort()
    })
    const method = request.method ?? 'GET'
    const from = clientOf(request)
    try {
      const reply = await answer({
        ...this.#services,
        log: this.#requests.of(from),
        request,
        target,
        reads: this.#reads,
        signal: gone.signal,
      })
      if (method !== 'GET') this.#requests.answered(from, `${method} /${target.segment}`, replyStatus(reply))
      send(response, reply, this.#common)
    } catch (error) {
      this.#failed(request, response, error)
    }
  }

  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const asked = `${request.method} ${request.url?.slice(0, URL_SHOWN)}`
    this.#requests.of(clientOf(request)).error(`REST API: ${asked} failed: ${errorText(error)}`)
    send(response, page(500), this.#common)
  }
}

const SERVER_TOKENS: Readonly<Record<RestApiConfig['serverTokens'], string>> = {
  original: 'hactl',
  minimal: `Patroni/${PROTOCOL_VERSION}`,
  productonly: 'Patroni',
}

function commonHeaders(config: RestApiConfig): CommonHeaders {
  const extra = Object.entries({
    ...config.httpExtraHeaders,
    ...(config.tls === null ? {} : config.httpsExtraHeaders),
  })
  return { server: SERVER_TOKENS[config.serverTokens], extra }
}

/** The settings that the listening socket depends on. */
function listening(config: RestApiConfig): Pick<RestApiConfig, 'listen' | 'tls' | 'verifyClient'> {
  return { listen: config.listen, tls: config.tls, verifyClient: config.verifyClient }
}

function isLoopback(host: string): boolean {
  const bare = bareHost(host)
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
}
