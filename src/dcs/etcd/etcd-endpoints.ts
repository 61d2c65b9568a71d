// One etcd3 client per endpoint, used only for its raw gRPC stubs, without the library's pool, retry and circuit
// breaker (each was measured to hang or to lie when a member is frozen). Which endpoint to use is decided here.

import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import { noop } from 'cockatiel'
import { Etcd3, type IOptions } from 'etcd3'
import { formatAddress } from '../../model/address.ts'
import { errorText } from '../../model/error-text.ts'
import type { EtcdConfig } from '../../model/settings/config.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../store-log.ts'
import { type CallFailure, failureText } from './call-errors.ts'
import { connectionFault, whatItDid } from './connection-fault.ts'
import { RECEIVE_BYTES_MAX } from './scope-read.ts'

type Certificates = NonNullable<IOptions['credentials']>

const CERTIFICATE_CHECK_INTERVAL_MS = 5000
/**
 * HTTP/2 pings while anything is open, so that a machine which died silently under the watch is noticed without asking
 * etcd. Not below 5 s: etcd hangs up on clients that ping more often.
 */
export const PING_INTERVAL_MS = 6000
const PING_TIMEOUT_MS = 5000

export class Endpoints {
  readonly #config: EtcdConfig
  readonly #clock: Clock
  readonly #log: Log
  /** Without duplicates, which would only shorten every try. */
  readonly #names: readonly string[]
  readonly #clients: (Promise<Etcd3> | undefined)[] = []
  readonly #failing = new Set<number>()
  #current = 0
  #certificates: Promise<Certificates | null> | null = null
  #certificatesCheckedMs = Number.NEGATIVE_INFINITY
  #closed: boolean = false

  constructor(config: EtcdConfig, clock: Clock, log: Log) {
    this.#config = config
    this.#names = [...new Set(config.endpoints.map(formatAddress))]
    if (this.#names.length === 0) throw new Error('no etcd endpoint is configured')
    this.#clock = clock
    this.#log = log
  }

  get count(): number {
    return this.#names.length
  }

  /** The endpoint that answered last; all calls start there. */
  get current(): number {
    return this.#current
  }

  name(index: number): string {
    return this.#names[index] ?? `endpoint ${index}`
  }

  /** Plain words where they are known, for logs and reasons. */
  explain(index: number, failure: CallFailure): string {
    return connectionFault(failure.details, this.name(index), this.#config.tls) ?? failureText(failure)
  }

  /** One plain sentence that names the endpoint. */
  say(index: number, failure: CallFailure): string {
    const details = failureText(failure)
    return whatItDid(details, this.name(index), this.#config.tls)
  }

  /** null: the connection was made, or may succeed a moment later. */
  faultOf(index: number, failure: CallFailure): string | null {
    return connectionFault(failure.details, this.name(index), this.#config.tls)
  }

  /** Rejects when a certificate file cannot be read. */
  async client(index: number): Promise<Etcd3> {
    const known = this.#clients[index]
    if (known !== undefined) return known
    const building = this.#build(index)
    this.#clients[index] = building
    // A client that could not be built is tried again at the next call.
    building.catch(() => {
      if (this.#clients[index] === building) this.#clients[index] = undefined
    })
    return building
  }

  async #build(index: number): Promise<Etcd3> {
    this.#certificates ??= readCertificates(this.#config.tls).catch(error => {
      this.#certificates = null
      throw error
    })
    const credentials = await this.#certificates
    if (this.#closed) throw new Error('the store is closed')
    return new Etcd3({
      hosts: [this.name(index)],
      ...(credentials !== null && { credentials }),
      faultHandling: { host: () => noop, global: noop },
      grpcOptions: {
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.min_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 1000,
        'grpc.enable_retries': 0,
        'grpc.max_receive_message_length': RECEIVE_BYTES_MAX,
        'grpc.keepalive_time_ms': PING_INTERVAL_MS,
        'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
      },
    })
  }

  /** Moves calls off an endpoint that failed, unless another caller has. Logged once until it answers again. */
  leave(index: number, failure: CallFailure): void {
    if (this.#current === index) this.#current = (index + 1) % this.count
    if (this.#failing.has(index)) return
    this.#failing.add(index)
    const fault = this.faultOf(index, failure)
    const text = fault ?? `${this.name(index)} failed: ${failureText(failure)}`
    this.#log('WARNING', `etcd endpoint: ${text}`)
  }

  answered(index: number): void {
    if (this.#failing.delete(index)) this.#log('INFO', `etcd endpoint ${this.name(index)} answers again`)
  }

  /**
   * After a failed connection: certificates may have been replaced on disk. Reads them again, at most every 5 s, and
   * drops all clients when they changed (the next call builds new ones). Never rejects.
   */
  async refreshCertificates(): Promise<void> {
    const { tls } = this.#config
    const nowMs = this.#clock.bootMs()
    if (tls === null || this.#certificates === null) return
    if (nowMs - this.#certificatesCheckedMs < CERTIFICATE_CHECK_INTERVAL_MS) return
    this.#certificatesCheckedMs = nowMs
    try {
      const [before, now] = await Promise.all([this.#certificates, readCertificates(tls)])
      if (sameCertificates(before, now)) return
      this.#log('INFO', 'etcd certificates changed on disk: connecting anew')
      this.#certificates = Promise.resolve(now)
      await this.#dropClients()
    } catch (error) {
      // Perhaps the files are just being replaced: the loaded ones stay in use, and the next failure looks again.
      const why = errorText(error)
      const fault = connectionFault(why, '', tls) ?? why
      this.#log('WARNING', `cannot read the etcd certificates again: ${fault}`)
    }
  }

  async #dropClients(): Promise<void> {
    const dropped = this.#clients.splice(0)
    const clients = await Promise.allSettled(dropped)
    for (const client of clients) if (client.status === 'fulfilled') client.value?.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#dropClients()
  }
}

/** The key may be in the certificate's own file, as in Patroni. */
async function readCertificates(tls: EtcdConfig['tls']): Promise<Certificates | null> {
  if (tls === null) return null
  const { ca, cert, key } = tls
  const [rootCertificate, certChain, privateKey] = await Promise.all([
    ca === null ? Buffer.from(rootCertificates.join('\n')) : readFile(ca),
    cert === null ? null : readFile(cert),
    cert === null ? null : readFile(key ?? cert),
  ])
  return {
    rootCertificate,
    ...(certChain !== null && { certChain }),
    ...(privateKey !== null && { privateKey }),
  }
}

function sameCertificates(a: Certificates | null, b: Certificates | null): boolean {
  if (a === null || b === null) return a === b
  const same = (one: Buffer | undefined, other: Buffer | undefined) =>
    one === undefined || other === undefined ? one === other : one.equals(other)
  return (
    same(a.rootCertificate, b.rootCertificate) &&
    same(a.certChain, b.certChain) &&
    same(a.privateKey, b.privateKey)
  )
}
