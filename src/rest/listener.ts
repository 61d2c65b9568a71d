// The listening socket and its limits: how many connections, how long a client may take for headers, request and
// handshake, how long a connection may idle. What a stranger sends never reaches the log above DEBUG and never
// another request.

import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { bareHost } from '../model/address.ts'
import { errorCode, errorText } from '../model/error-text.ts'
import type { HostPort, RestApiConfig } from '../model/settings/config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { readTlsFiles, type TlsConfig, watchTlsFiles } from './tls.ts'

const CONNECTIONS_MAX = 4000
/** From here on idle connections are closed to make room. */
const CONNECTIONS_CROWDED = 3000
const HEADERS_MS = 10_000
const REQUEST_MS = 20_000
const IDLE_MS = 15_000
const HANDSHAKE_MS = 10_000
/** No byte in either direction for this long: the client is gone. Longer than any wait for a switchover's end. */
const SILENCE_MS = 600_000
const STOP_MS = 2000

const LIMITS = {
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: IDLE_MS,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16 * 1024,
  keepAlive: true,
  keepAliveInitialDelay: 3000,
  noDelay: true,
} as const

export class Listener {
  readonly #server: HttpServer | HttpsServer
  readonly #tls: TlsConfig | null
  readonly #clock: Clock
  readonly #log: Log
  #stopWatching: () => void = () => {}
  #connections = 0

  private constructor(server: HttpServer | HttpsServer, tls: TlsConfig | null, clock: Clock, log: Log) {
    this.#server = server
    this.#tls = tls
    this.#clock = clock
    this.#log = log
  }

  /** Binds; rejects with the reason (address in use, unreadable certificate). */
  static async open(
    config: RestApiConfig,
    answer: RequestListener,
    clock: Clock,
    log: Log,
  ): Promise<Listener> {
    const { tls } = config
    const server =
      tls === null
        ? createHttpServer(LIMITS, answer)
        : secureServer(await readTlsFiles(tls), config.verifyClient, answer, log)
    const listener = new Listener(server, tls, clock, log)
    listener.#guard()
    await bind(server, config.listen)
    if (tls !== null)
      listener.#stopWatching = watchTlsFiles(tls, () => listener.readCertificates(), clock, log)
    return listener
  }

  /** Uses the files as they are now for new connections; keeps the old certificate when they cannot be used. */
  async readCertificates(): Promise<void> {
    if (this.#tls === null || !('setSecureContext' in this.#server)) return
    try {
      this.#server.setSecureContext(await readTlsFiles(this.#tls))
      this.#log.info('REST API: certificate files were read again')
    } catch (error) {
      this.#log.error(
        `REST API: the certificate files cannot be used, the old certificate stays: ${errorText(error)}`,
      )
    }
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** No new connections; those under way get a little time, then all are closed. */
  async close(): Promise<void> {
    this.#stopWatching()
    const gone = new AbortController()
    this.#server.close(() => gone.abort())
    this.#server.closeIdleConnections()
    await this.#clock.sleep(STOP_MS, gone.signal)
    this.#server.closeAllConnections()
  }

  #guard(): void {
    const server = this.#server
    const log = this.#log
    server.maxConnections = CONNECTIONS_MAX
    server.timeout = SILENCE_MS
    server.on('connection', (socket: Socket) => {
      this.#connections += 1
      socket.once('close', () => {
        this.#connections -= 1
      })
      // Without this a reset during a TLS handshake would be an uncaught error.
      socket.on('error', () => {})
      if (this.#connections > CONNECTIONS_CROWDED) server.closeIdleConnections()
    })
    server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
      log.debug(
        `REST API: bad request from ${socket.remoteAddress ?? 'a client that left'}: ${error.code ?? error.message}`,
      )
      refuseRaw(socket, error.code)
    })
    server.on('tlsClientError', (error: Error & { code?: string }, socket: TLSSocket) => {
      log.debug(
        `REST API: TLS handshake with ${socket.remoteAddress ?? 'a client that left'} failed: ${error.code ?? error.message}`,
      )
      socket.destroy()
    })
    server.on('error', error => log.error(`REST API: ${error.message}`))
  }
}

function secureServer(
  files: SecureContextOptions,
  verifyClient: RestApiConfig['verifyClient'],
  answer: RequestListener,
  log: Log,
): HttpsServer {
  const server = createHttpsServer(
    {
      ...LIMITS,
      ...files,
      handshakeTimeout: HANDSHAKE_MS,
      requestCert: verifyClient !== 'none',
      rejectUnauthorized: verifyClient === 'required',
    },
    answer,
  )
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
function refuseRaw(socket: Socket, code: string | undefined): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
  socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroySoon()
}

/** An empty host or `*` means every address, IPv6 and IPv4 on one socket where the machine has both. */
async function bind(server: Server, listen: HostPort): Promise<void> {
  const host = bareHost(listen.host)
  if (host !== '' && host !== '*') return bindTo(server, host, listen.port)
  try {
    await bindTo(server, '::', listen.port)
  } catch (error) {
    if (errorCode(error) !== 'EAFNOSUPPORT') throw error
    await bindTo(server, '0.0.0.0', listen.port)
  }
}

function bindTo(server: Server, host: string, port: number): Promise<void> {
  const bound = Promise.withResolvers<void>()
  const failed = (error: Error): void => bound.reject(error)
  server.once('error', failed)
  server.listen({ host, port, backlog: 511 }, () => {
    server.off('error', failed)
    bound.resolve()
  })
  return bound.promise
}
