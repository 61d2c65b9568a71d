// Which requests of a PostgreSQL server for a password are answered: `pg` answers each of them. Its connection is
// listened to before its client is, so that a request which must not be answered never reaches the client (ADR 20).

import pg from 'pg'
import {
  type AuthMethod,
  CHANNEL_BINDINGS,
  parseRequireAuth,
  type RequiredAuth,
} from '../model/settings/libpq-values.ts'
import type { AccountOptions, TlsAttempt } from './libpq-tls.ts'

type ChannelBinding = (typeof CHANNEL_BINDINGS)[number]

export interface LoginRules {
  readonly channelBinding: ChannelBinding
  /** null: not given; then everything but a password in clear text to somebody who is not known. */
  readonly required: RequiredAuth | null
  /** The other end is known: TLS whose authority was verified, or a proof by the kernel. */
  readonly isKnown: boolean
  /** Asked once, before the first answer is given or believed. A text: who the other end is, which is not who it should be. */
  readonly prove?: ((socket: LoginSocket) => Promise<string | null>) | undefined
  /** A password is about to be sent with MD5 to somebody who is not known. */
  readonly onMd5?: (() => void) | undefined
}

/** What is known of the socket of a connection; a unix socket has no addresses. */
export interface LoginSocket {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/** Throws when the options do not fit together. */
export function loginRules(options: AccountOptions, isKnown: boolean): LoginRules {
  const binding = options.channel_binding || 'prefer'
  const channelBinding = CHANNEL_BINDINGS.find(known => known === binding)
  if (channelBinding === undefined)
    throw new Error(`channel_binding "${binding}" is none of ${CHANNEL_BINDINGS.join(', ')}`)
  const required = parseRequireAuth(options.require_auth ?? '')
  if (typeof required === 'string') throw new Error(`require_auth: ${required}`)
  return { channelBinding, required, isKnown }
}

/** This side ended the login: what the server asked for is not allowed, or it is not who it should be. */
export class LoginRefused extends Error {
  /** The other end is not the server that it should be. */
  readonly isStranger: boolean
  constructor(message: string, isStranger = false) {
    super(message)
    this.isStranger = isStranger
  }
}

interface ConnectionOptions {
  readonly ssl: TlsAttempt['tls'] | false
  readonly sslNegotiation: TlsAttempt['negotiation']
  readonly keepAlive: boolean
  readonly keepAliveInitialDelayMillis: number
}

const REQUESTS: Readonly<Record<string, AuthMethod>> = {
  authenticationCleartextPassword: 'password',
  authenticationMD5Password: 'md5',
  authenticationSASL: 'scram-sha-256',
}
/** What is no message of the server. */
const OF_THE_SOCKET = ['connect', 'sslconnect', 'error', 'end', 'newListener', 'removeListener', 'message']
const PLUS = 'SCRAM-SHA-256-PLUS'

export class GuardedConnection extends pg.Connection {
  readonly #rules: LoginRules
  /** Messages that wait for the proof. */
  #held: (() => void)[] | null = null
  #isProven: boolean
  #isRefused: boolean
  #hasFailed = false
  #wasConnected = false
  /** A message of the server came: the connection, TLS included, stood. */
  #wasSpokenTo = false
  #mechanism: 'plus' | 'plain' | null = null
  /** The client proved its identity, and with SCRAM the server its own. */
  #isFinished: boolean

  constructor(options: ConnectionOptions, rules: LoginRules) {
    super(options as unknown as pg.ConnectionConfig)
    this.#rules = rules
    this.#isProven = rules.prove === undefined
    this.#isRefused = false
    this.#isFinished = false
  }

  /** Somebody took the connection. */
  get wasConnected(): boolean {
    return this.#wasConnected
  }

  get wasSpokenTo(): boolean {
    return this.#wasSpokenTo
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (typeof event !== 'string' || OF_THE_SOCKET.includes(event)) {
      if (event === 'error') this.#hasFailed = true
      if (event === 'connect') this.#wasConnected = true
      return super.emit(event, ...args)
    }
    this.#wasSpokenTo = true
    if (this.#isRefused) return true
    if (this.#held !== null) return this.#held.push(() => this.#judged(event, args)) > 0
    // An error says nothing that would be believed.
    if (this.#isProven || event === 'errorMessage') return this.#judged(event, args)
    this.#held = [() => this.#judged(event, args)]
    void this.#proveThenGoOn()
    return true
  }

  async #proveThenGoOn(): Promise<void> {
    const stranger = (await this.#rules.prove?.(this.stream as LoginSocket)) ?? null
    if (stranger !== null) return this.#refuse(new LoginRefused(stranger, true))
    this.#isProven = true
    const held = this.#held ?? []
    this.#held = null
    for (const goOn of held) goOn()
  }

  #judged(event: string, args: unknown[]): boolean {
    if (this.#isRefused) return true
    const method = REQUESTS[event]
    const why =
      method !== undefined
        ? this.#objection(method, args[0])
        : event === 'authenticationOk'
          ? this.#objectionToEnd()
          : null
    if (why !== null) {
      this.#refuse(new LoginRefused(why))
      return true
    }
    if (method === 'md5' && !this.#rules.isKnown) this.#rules.onMd5?.()
    const emitted = super.emit(event, ...args)
    const isAnswered = method === 'password' || method === 'md5' || event === 'authenticationSASLFinal'
    if (isAnswered && !this.#hasFailed) this.#isFinished = true
    return emitted
  }

  #objection(method: AuthMethod, message: unknown): string | null {
    const { channelBinding, isKnown, required } = this.#rules
    if (required !== null && !required.allowed.has(method))
      return `the server asks for authentication by ${method}, which require_auth does not allow: nothing was sent`
    if (method === 'scram-sha-256') return this.#objectionToScram(message)
    if (channelBinding === 'require')
      return (
        `channel_binding is require, but the server asks for authentication by ${method}, which cannot be bound: ` +
        'nothing was sent'
      )
    if (method !== 'password' || required !== null || isKnown) return null
    return (
      'the server asks for the password in clear text, and who it is was not verified: nothing was sent. Set ' +
      'sslmode to verify-full with sslrootcert for this account, or allow it with require_auth: password'
    )
  }

  #objectionToScram(message: unknown): string | null {
    const { channelBinding } = this.#rules
    const mechanisms = (message as { readonly mechanisms?: readonly string[] }).mechanisms ?? []
    const isTls = 'encrypted' in this.stream
    this.#mechanism = isTls && channelBinding !== 'disable' && mechanisms.includes(PLUS) ? 'plus' : 'plain'
    if (channelBinding !== 'require' || this.#mechanism === 'plus') return null
    return isTls
      ? 'channel_binding is require, but the server does not offer it: nothing was sent'
      : 'channel_binding is require, but the connection is not TLS: nothing was sent. Set sslmode to require or more'
  }

  /** The server lets us in. */
  #objectionToEnd(): string | null {
    const { channelBinding, required } = this.#rules
    if (channelBinding === 'require' && !(this.#isFinished && this.#mechanism === 'plus'))
      return 'channel_binding is require, but the server let this client in without it'
    if (required?.proofNeeded === true && !this.#isFinished)
      return 'require_auth is set, but the server let this client in without authentication'
    return null
  }

  #refuse(refusal: LoginRefused): void {
    this.#isRefused = true
    this.#held = null
    super.emit('error', refusal)
    this.stream.destroy()
  }
}
