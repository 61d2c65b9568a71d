// Who may use a protected endpoint: address, then client certificate, then name and password. The first check that
// fails answers (spec/interfaces.md 1.2).

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { BlockList } from 'node:net'
import type { RestApiConfig } from '../../model/settings/config.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { clientOf } from '../door/client-stream.ts'
import type { NodeReadings } from '../node-view.ts'
import { type Reply, text } from '../reply.ts'
import { listed, type MemberAddresses, plainAddress, resolveAllowlist } from './allowlist.ts'

/** `address-of-members-too`: the members' addresses count where the configuration says so. */
export type Protection = 'address-of-members-too' | 'without-members'

export class AccessControl {
  readonly #config: RestApiConfig
  readonly #state: NodeReadings
  readonly #allowlist: Promise<BlockList>
  readonly #members: MemberAddresses

  constructor(config: RestApiConfig, state: NodeReadings, members: MemberAddresses, clock: Clock, log: Log) {
    this.#config = config
    this.#state = state
    this.#allowlist = resolveAllowlist(config.allowlist, clock, log)
    this.#members = members
  }

  /** null: go on. Otherwise the reply that refuses. */
  async refusal(request: IncomingMessage, protection: Protection): Promise<Reply | null> {
    if (!(await this.#addressAllowed(request, protection))) return text(403, 'Access is denied')
    if (!this.#certificateShown(request)) return text(403, 'client certificate required')
    return this.#credentialsRefusal(request.headers.authorization)
  }

  async #addressAllowed(request: IncomingMessage, protection: Protection): Promise<boolean> {
    const withMembers = this.#config.allowlistIncludeMembers && protection === 'address-of-members-too'
    if (this.#config.allowlist.length === 0 && !withMembers) return true
    const address = plainAddress(request.socket.remoteAddress)
    if (listed(await this.#allowlist, address)) return true
    if (!withMembers) return false
    const view = this.#state.cluster()
    return view.known && (await this.#members.includes(view.value.members, address))
  }

  #certificateShown(request: IncomingMessage): boolean {
    if (this.#config.tls === null || this.#config.verifyClient === 'none') return true
    return clientOf(request).isAuthorized
  }

  #credentialsRefusal(header: string | undefined): Reply | null {
    const wanted = this.#config.credentials
    if (wanted === null) return null
    const challenge = [['WWW-Authenticate', 'Basic realm="Patroni"']] as const
    if (header === undefined) return text(401, 'no auth header received', challenge)
    const [scheme = '', given = ''] = header.split(' ', 2)
    const expected = Buffer.from(`${wanted.username}:${wanted.password}`).toString('base64')
    const matches = sameSecret(given, expected)
    return scheme === 'Basic' && matches ? null : text(401, 'not authenticated', challenge)
  }
}

/** Compares in a time that reveals neither the content nor the length of the secret. */
function sameSecret(given: string, expected: string): boolean {
  const digest = (secret: string) => createHash('sha256').update(secret).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
