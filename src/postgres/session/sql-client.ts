// One `pg` client, opened, queried and ended so that nothing stays pending: failures are values, and ending works even when
// the server is stopped.

import type pg from 'pg'
import { errorText } from '../../model/error-text.ts'
import type { Millis } from '../../model/units.ts'
import { connectAsLibpq, type LibpqTarget } from '../../system/libpq-client.ts'
import { LoginRefused } from '../../system/libpq-login.ts'
import type { AccountOptions } from '../../system/libpq-tls.ts'

export type Row = Readonly<Record<string, unknown>>

/**
 * `unreachable`: nothing listens; `rejecting`: starting or stopping; `login`: refused, by the server or by this side; `stranger`:
 * somebody else than the server answers at its address; `timeout`: no answer.
 */
type SqlFailureKind =
  | 'unreachable'
  | 'rejecting'
  | 'login'
  | 'stranger'
  | 'timeout'
  | 'statement'
  | 'cancelled'
export interface SqlFailure {
  readonly ok: false
  readonly kind: SqlFailureKind
  /** Whether the connection had been made when it failed. */
  readonly connected: boolean
  /** SQLSTATE or errno name, when there is one. */
  readonly code: string
  readonly why: string
}
export type SqlResult = { readonly ok: true; readonly rows: readonly Row[] } | SqlFailure

/** Where and as whom to connect. */
export interface ConnectTarget {
  /** A name, an address, or the directory of a unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string | null
  /** libpq's sslmode, channel_binding, require_auth, …; sslcompression and Kerberos cannot be had. */
  readonly security: AccountOptions
  /** Proves that the other end is this node's own server; absent: another member's. */
  readonly prove?: LibpqTarget['prove']
  readonly onMd5?: LibpqTarget['onMd5']
  /** Why nobody is asked at all: a stranger was met there a moment ago. */
  readonly refused?: string
  readonly applicationName: string
  /** `-c name=value` settings of the session. */
  readonly settings?: Readonly<Record<string, string>>
  readonly replication?: boolean
}

export type Opened = { readonly ok: true; readonly client: pg.Client } | SqlFailure

export async function openClient(
  target: ConnectTarget,
  limitMs: Millis,
  reached: Promise<SqlFailure>,
): Promise<Opened> {
  const { security, prove, onMd5, refused } = target
  if (refused !== undefined) return failure('stranger', refused, false)
  const connect = async (client: pg.Client): Promise<{ client: pg.Client } | Tried> => {
    const connecting = client.connect().then(
      () => ({ client }),
      (error: unknown) => ({ error, failure: failureOfError(error, false) }),
    )
    const late = reached.then(end => ({ error: end.why, failure: end }))
    const opened = await Promise.race([connecting, late])
    if (!('client' in opened)) destroyClient(client)
    return opened
  }
  try {
    const libpq = { config: clientConfig(target, limitMs), options: security, prove, onMd5 }
    const opened = await connectAsLibpq<Tried>(libpq, connect)
    return 'client' in opened ? { ok: true, client: opened.client } : opened.failure
  } catch (error) {
    return failure('login', errorText(error), false)
  }
}

interface Tried {
  readonly error: unknown
  readonly failure: SqlFailure
}

function clientConfig(target: ConnectTarget, limitMs: Millis): pg.ClientConfig & { readonly host: string } {
  const settings = { search_path: 'pg_catalog', ...target.settings }
  const options = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${value.replace(/([\\ ])/g, '\\$1')}`,
  )
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    ...(target.password === null ? {} : { password: target.password }),
    application_name: target.applicationName,
    connectionTimeoutMillis: limitMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 1000,
    // A walsender takes no such options before version 10 and needs none.
    ...(target.replication === true ? { replication: 'true' } : { options: options.join(' ') }),
  } as pg.ClientConfig & { readonly host: string }
}

export async function queryClient(
  client: pg.Client,
  sql: string,
  reached: Promise<SqlFailure>,
  values: readonly unknown[] = [],
): Promise<SqlResult> {
  const asked = values.length === 0 ? client.query(sql) : client.query(sql, [...values])
  const answer = asked.then(
    result => ({ ok: true as const, rows: rowsOf(result) }),
    (error: unknown) => failureOfError(error, true),
  )
  return await Promise.race([answer, reached])
}

/** Several statements in one string give several results: the last one counts. */
function rowsOf(result: unknown): readonly Row[] {
  const last: unknown = Array.isArray(result) ? result.at(-1) : result
  return (last as { rows?: readonly Row[] } | undefined)?.rows ?? []
}

/** SQLSTATEs that say "not now": the database system is starting up, shutting down, or not yet consistent. */
const REJECTING = new Set(['57P03', '57P01', '57P02'])

function failureOfError(error: unknown, connected: boolean): SqlFailure {
  if (error instanceof LoginRefused)
    return failure(error.isStranger ? 'stranger' : 'login', error.message, connected)
  const code = (error as { code?: unknown }).code
  const state = typeof code === 'string' ? code : ''
  const why = error instanceof Error && error.message !== '' ? error.message : `connection failed (${state})`
  if (REJECTING.has(state)) return failure(connected ? 'unreachable' : 'rejecting', why, connected, state)
  if (state.startsWith('28')) return failure('login', why, connected, state)
  if (/^[0-9A-Z]{5}$/.test(state) && /\d/.test(state)) return failure('statement', why, connected, state)
  if (/timeout expired|timeout exceeded/.test(why)) return failure('timeout', 'no answer in time', connected)
  if (/SASL|password must be/.test(why)) return failure('login', why, connected)
  // The server's queue of connections is full, because it takes none.
  if (state === 'EAGAIN') return failure('timeout', 'no answer in time', connected)
  return failure('unreachable', why, connected, state)
}

export function failure(kind: SqlFailureKind, why: string, connected: boolean, code = ''): SqlFailure {
  return { ok: false, kind, why, connected, code }
}

/** A promise that settles when the time is over or the signal aborts, whichever happens first. */
export function startLimit(
  ms: Millis,
  signal?: AbortSignal,
): { reached: Promise<SqlFailure>; stop: () => void } {
  let settle: (end: SqlFailure) => void = () => {}
  const reached = new Promise<SqlFailure>(resolve => {
    settle = resolve
  })
  const timer = setTimeout(() => settle(failure('timeout', `no answer within ${ms} ms`, true)), ms)
  const onAbort = () => settle(failure('cancelled', 'cancelled', true))
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const stop = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
  return { reached, stop }
}

/** Polite end, then the hard one: end() of a stopped server's connection never settles. */
export function closeClient(client: pg.Client): void {
  const timer = setTimeout(() => destroyClient(client), 200)
  timer.unref()
  client.end().then(
    () => clearTimeout(timer),
    () => destroyClient(client),
  )
}

export function destroyClient(client: pg.Client): void {
  const { connection } = client as unknown as { connection?: { stream?: { destroy(): void } } }
  connection?.stream?.destroy()
}
