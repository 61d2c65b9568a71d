// A client of `pg` that connects as libpq does: TLS by sslmode, with its second attempt, and no answer to a request for a
// password that must not be answered. Its waits are the caller's to bound.

import pg from 'pg'
import { errorCode } from '../model/error-text.ts'
import { GuardedConnection, LoginRefused, type LoginRules, loginRules } from './libpq-login.ts'
import { type AccountOptions, type TlsAttempt, tlsAttempts } from './libpq-tls.ts'

export interface LibpqTarget {
  /** `host`, `port`, `user`, … and no `ssl`. */
  readonly config: pg.ClientConfig & { readonly host: string }
  readonly options: AccountOptions
  readonly prove?: LoginRules['prove']
  readonly onMd5?: LoginRules['onMd5']
}

/** Connects `client`, and ends it itself when that fails. Never rejects. */
type Connect<F> = (client: pg.Client) => Promise<{ readonly client: pg.Client } | F>

const PASSWORD_WRONG = '28P01'

/**
 * The client, or the failure that says most: of two attempts the one that pg_hba.conf accepts, or that came further. An error
 * of this side (a file, options that contradict each other) rejects.
 */
export async function connectAsLibpq<F extends { readonly error: unknown }>(
  target: LibpqTarget,
  connect: Connect<F>,
): Promise<{ readonly client: pg.Client } | F> {
  const [first, second] = await tlsAttempts(target.config.host, target.options)
  if (first === undefined) throw new Error('bug: sslmode left no attempt')
  const tried = await attempt(target, first, connect)
  if (
    'client' in tried.opened ||
    second === undefined ||
    !isWorthAnother(tried.opened.error, tried.connection)
  )
    return tried.opened
  const { opened, connection } = await attempt(target, second, connect)
  if ('client' in opened || !tried.connection.wasSpokenTo) return opened
  // A wrong password is reported only where pg_hba.conf accepts this kind of connection.
  return connection.wasSpokenTo && errorCode(opened.error) === PASSWORD_WRONG ? opened : tried.opened
}

async function attempt<F>(
  { config, options, prove, onMd5 }: LibpqTarget,
  how: TlsAttempt,
  connect: Connect<F>,
) {
  const rules = { ...loginRules(options, how.verified || prove !== undefined), prove, onMd5 }
  const { keepAlive = false, keepAliveInitialDelayMillis = 0 } = config
  const ssl = how.tls ?? false
  const connection = new GuardedConnection(
    { ssl, sslNegotiation: how.negotiation, keepAlive, keepAliveInitialDelayMillis },
    rules,
  )
  const client = new pg.Client({
    ...config,
    ssl,
    sslnegotiation: how.negotiation,
    // Without TLS there is nothing to bind to.
    enableChannelBinding: how.tls !== null && rules.channelBinding !== 'disable',
    connection,
  } as pg.ClientConfig)
  // Without a listener a backend that is terminated would end the whole program.
  client.on('error', () => {})
  return { opened: await connect(client), connection }
}

/** libpq tries again when the server refuses, and when there is no TLS to be had with it; not when nobody is there. */
function isWorthAnother(error: unknown, connection: GuardedConnection): boolean {
  if (error instanceof LoginRefused) return false
  if (connection.wasSpokenTo) return errorCode(error)?.startsWith('28') === true
  return (
    connection.wasConnected && !/timeout expired|no answer/.test(error instanceof Error ? error.message : '')
  )
}
