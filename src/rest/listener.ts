// The listening socket and its limits: who may connect (door/doorkeeper.ts), whose turn it is (door/fair-turns.ts), how long
// a client may take for headers, request and handshake, how long a connection may idle. What a stranger sends never reaches
// the log above DEBUG and never another request.

import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createNetServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  Server as TlsServer,
} from 'node:tls'
import { errorText } from '../model/error-text.ts'
import type { RestApiConfig } from '../model/settings/config.ts'
import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { bind } from './bind.ts'
import { ClientStream } from './door/client-stream.ts'
import type { Doorkeeper } from './door/doorkeeper.ts'
import { FairTurns } from './door/fair-turns.ts'
import type { Places } from './door/places.ts'
import { readTlsFiles, type TlsConfig, watchTlsFiles } from './tls.ts'

const HEADERS_MS = 10_000
const REQUEST_MS = 20_000
const IDLE_MS = 15_000
const HANDSHAKE_MS = 10_000
/** No byte in either direction for this long: the client is gone. Longer than any wait for a switchover's end. */
const SILENCE_MS = 600_000
/** How long an answer may wait for its client to read. */
const UNREAD_MS: Millis = 10_000
const SWEEP_MS: Millis = 2000
/** For so long a refused client waits for the end of its connection. */
const TURNED_AWAY_MS: Millis = 2000
/** Each accepts one connection in a turn of the event loop. */
const ACCEPTORS = 8
const STOP_MS = 2000
const GONE = 'all clients are gone'
const CLOSED = 'the listener is closed'

const LIMITS = {
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: IDLE_MS,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16 * 1024,
} as const

const SOCKETS = { allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: 3000, noDelay: true } as const

interface ListenerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly door: Doorkeeper
  readonly places: Places
}

export class Listener {
  /** They accept connections, of one port (bind.ts). */
  readonly #servers: readonly (Server | TlsServer)[]
  /** Reads requests and writes answers; it listens to nothing itself. */
  readonly #http: HttpServer
  readonly #tls: TlsConfig | null
  readonly #clock: Clock
  readonly #log: Log
  readonly #places: Places
  readonly #turns: FairTurns
  readonly #clients = new Set<ClientStream>()
  readonly #closed = new AbortController()
  #turnedAway = 0
  #whenEmpty: () => void = () => {}
  #stopWatching: () => void = () => {}

  private constructor(
    servers: readonly (Server | TlsServer)[],
    answer: RequestListener,
    tls: TlsConfig | null,
    { clock, log, places }: ListenerPorts,
  ) {
    this.#servers = servers
    this.#http = createHttpServer(LIMITS, answer)
    this.#tls = tls
    this.#clock = clock
    this.#turns = new FairTurns(clock)
    this.#log = log
    this.#places = places
  }

  /** Binds; rejects with the reason (address in use, unreadable certificate). */
  static async open(config: RestApiConfig, answer: RequestListener, ports: ListenerPorts): Promise<Listener> {
    const { clock, log, door } = ports
    const { tls } = config
    const files = tls === null ? null : await readTlsFiles(tls)
    const servers = Array.from({ length: ACCEPTORS }, () =>
      files === null ? createNetServer(SOCKETS) : secureServer(files, config.verifyClient, log),
    )
    const listener = new Listener(servers, answer, tls, ports)
    listener.#guard(door)
    await bind(servers, config.listen)
    listener.#begin()
    if (tls !== null)
      listener.#stopWatching = watchTlsFiles(tls, () => listener.readCertificates(), clock, log)
    return listener
  }

  /** Uses the files as they are now for new connections; keeps the old certificate when they cannot be used. */
  async readCertificates(): Promise<void> {
    if (this.#tls === null) return
    try {
      const files = await readTlsFiles(this.#tls)
      for (const server of this.#servers) if (server instanceof TlsServer) server.setSecureContext(files)
      this.#log.info('REST API: certificate files were read again')
    } catch (error) {
      this.#log.error(
        `REST API: the certificate files cannot be used, the old certificate stays: ${errorText(error)}`,
      )
    }
  }

  get port(): number {
    const address = this.#servers[0]?.address() ?? null
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** No new connections; those under way get a little time, then all are closed. */
  async close(): Promise<void> {
    this.#stopWatching()
    for (const server of this.#servers) server.close()
    this.#http.closeIdleConnections()
    const gone = new AbortController()
    this.#whenEmpty = () => gone.abort(GONE)
    if (this.#clients.size > 0) await this.#clock.sleep(STOP_MS, gone.signal)
    for (const client of this.#clients) client.destroy()
    this.#closed.abort(CLOSED)
    // Ends its own timer.
    this.#http.close()
  }

  #begin(): void {
    // It looks after slow requests from then on.
    this.#http.emit('listening')
    void this.#sweep()
  }

  #guard(door: Doorkeeper): void {
    const log = this.#log
    for (const server of this.#servers) this.#guardAcceptor(server, door)
    this.#http.timeout = SILENCE_MS
    this.#http.on('clientError', (error: Error & { code?: string }, client: Duplex) => {
      const from = client instanceof ClientStream ? client.remoteAddress : undefined
      log.debug(`REST API: bad request from ${from ?? 'a client that left'}: ${error.code ?? error.message}`)
      refuseRaw(client, error.code)
    })
  }

  #guardAcceptor(server: Server | TlsServer, door: Doorkeeper): void {
    const log = this.#log
    server.on('connection', (socket: Socket) => {
      // Without this a reset during a TLS handshake would be an uncaught error.
      socket.on('error', () => {})
      const why = door.admit(socket)
      if (why === null) {
        if (this.#tls === null) this.#serve(socket)
        return
      }
      log.debug(`REST API: connection of ${socket.remoteAddress ?? 'a client that left'} refused: ${why}`)
      void this.#turnAway(socket)
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      if (!socket.destroyed) this.#serve(socket)
    })
    server.on('tlsClientError', (error: Error & { code?: string }, socket: TLSSocket) => {
      log.debug(
        `REST API: TLS handshake with ${socket.remoteAddress ?? 'a client that left'} failed: ${error.code ?? error.message}`,
      )
      socket.destroy()
    })
    server.on('error', error => log.error(`REST API: ${error.message}`))
  }

  /**
   * A client that is refused at once is back at once. Unread and unanswered it takes a descriptor and no time; with TLS the
   * handshake has begun.
   */
  async #turnAway(socket: Socket): Promise<void> {
    if (this.#tls === null && this.#turnedAway < this.#places.turnedAway) {
      this.#turnedAway += 1
      await this.#clock.sleep(TURNED_AWAY_MS, this.#closed.signal)
      this.#turnedAway -= 1
    }
    socket.destroy()
  }

  #serve(socket: Socket): void {
    const client = new ClientStream(socket, this.#turns, this.#clock)
    this.#clients.add(client)
    client.once('close', () => {
      this.#clients.delete(client)
      if (this.#clients.size === 0) this.#whenEmpty()
    })
    this.#http.emit('connection', client)
  }

  /** Closes the connections of clients that do not read what they asked for. */
  async #sweep(): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      await this.#clock.sleep(SWEEP_MS, signal)
      const beforeMs = this.#clock.bootMs() - UNREAD_MS
      for (const client of this.#clients) {
        const sinceMs = client.unreadSinceMs()
        if (sinceMs !== null && sinceMs < beforeMs) client.destroy()
      }
    }
  }
}

function secureServer(
  files: SecureContextOptions,
  verifyClient: RestApiConfig['verifyClient'],
  log: Log,
): TlsServer {
  const server = createTlsServer({
    ...SOCKETS,
    ...files,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: HANDSHAKE_MS,
    requestCert: verifyClient !== 'none',
    rejectUnauthorized: verifyClient === 'required',
  })
  if (verifyClient === 'optional') {
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      const shown = Object.keys(socket.getPeerCertificate()).length > 0
      if (!shown || socket.authorized) return
      log.debug(
        `REST API: certificate of ${socket.remoteAddress ?? 'a client'} does not verify: ${socket.authorizationError}`,
      )
      socket.destroy()
    })
  }
  return server
}

/** Answers input that is no HTTP request, if the client still listens. */
function refuseRaw(client: Duplex, code: string | undefined): void {
  if (!client.writable || code === 'ECONNRESET') {
    client.destroy()
    return
  }
  const status =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
  client.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => client.destroy())
}
