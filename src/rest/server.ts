// The life of the HTTP API: it listens, takes a new configuration, stops.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorText } from '../model/error-text.ts'
import type { RestApiConfig } from '../model/settings/config.ts'
import { PROTOCOL_VERSION } from '../model/versions.ts'
import { Api, type ApiPolicy, type ApiPorts } from './api.ts'
import { clientOf } from './door/client-stream.ts'
import { Doorkeeper, PLAIN_DOOR, TLS_DOOR } from './door/doorkeeper.ts'
import { type Places, placesHere } from './door/places.ts'
import { Turnstile } from './door/turnstile.ts'
import { Listener } from './listener.ts'
import type { CommonHeaders } from './reply.ts'
import { MemberAddresses } from './request/allowlist.ts'
import { AccessControl } from './request/client-access.ts'

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

export function createApiServer(config: RestApiConfig, ports: ApiPorts): RestServer {
  const server = new ApiServer(config, ports)
  return {
    start: () => server.start(),
    reload: next => server.reload(next),
    stop: () => server.stop(),
    port: () => server.port(),
  }
}

class ApiServer {
  readonly #ports: ApiPorts
  readonly #members: MemberAddresses
  readonly #api: Api
  #door: Doorkeeper | null = null
  #config: RestApiConfig
  #listener: Listener | null = null

  constructor(config: RestApiConfig, ports: ApiPorts) {
    const { clock } = ports
    this.#ports = ports
    this.#config = config
    this.#members = new MemberAddresses(clock)
    const stile = (): Turnstile => new Turnstile(key => this.#isMember(key), clock)
    this.#api = new Api(ports, { guarded: stile(), open: stile() }, this.#policy(config))
  }

  async start(): Promise<void> {
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
        this.#ports.log.error(
          `REST API: the new configuration cannot be used, the old one stays: ${errorText(error)}`,
        )
        this.#listener = await this.#open(before)
        return false
      } finally {
        await closing
      }
    }
    this.#config = config
    this.#api.use(this.#policy(config))
    return true
  }

  async stop(): Promise<void> {
    this.#api.stop()
    await this.#listener?.close()
    this.#listener = null
  }

  port(): number {
    return this.#listener?.port ?? 0
  }

  async #open(config: RestApiConfig): Promise<Listener> {
    const places = await placesHere()
    const { clock, log } = this.#ports
    const door = this.#doorFor(config, places)
    this.#door = door
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      this.#answer(request, response)
    return Listener.open(config, answer, { clock, log, door, places })
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const client = clientOf(request)
    response.once('close', client.serving())
    if (this.#door !== null) response.once('close', this.#door.serving(client))
    this.#api.answer(request, response)
  }

  #doorFor({ tls }: RestApiConfig, { served }: Places): Doorkeeper {
    const limits = { ...(tls === null ? PLAIN_DOOR : TLS_DOOR), places: served }
    return new Doorkeeper(limits, key => this.#isMember(key), this.#ports.clock)
  }

  #isMember(key: string): boolean {
    const cluster = this.#ports.readings.cluster()
    return cluster.known && this.#members.includesAtOnce(cluster.value.members, key)
  }

  #policy(config: RestApiConfig): ApiPolicy {
    const { readings, clock, log } = this.#ports
    const access = new AccessControl(config, readings, this.#members, clock, log)
    return { access, common: commonHeaders(config) }
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
