// One `pg` client, opened, queried and ended so that nothing stays pending: failures are values, TLS follows libpq's
// sslmode, and ending works even when the server is stopped.

import { readFile } from 'node:fs/promises'
import pg from 'pg'
import type { Credentials } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'

export type Row = Readonly<Record<string, unknown>>

/** `unreachable`: nothing listens; `rejecting`: starting or stopping; `login`: refused; `timeout`: no answer. */
type SqlFailureKind = 'unreachable' | 'rejecting' | 'login' | 'timeout' | 'statement' | 'cancelled'
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
  /** libpq's sslmode, sslcert, …: those that `pg` can follow. */
  readonly security: Credentials['options']
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
  const tls = await tlsOf(target).then(
    ssl => ({ ok: true as const, ssl }),
    (error: unknown) => failureOfError(error, false),
  )
  if (!tls.ok) return tls
  const first = await openClientOnce(target, limitMs, reached, tls.ssl)
  const mode = target.security.sslmode ?? 'prefer'
  // `prefer` in libpq tries TLS first; we try without first (all our connections are short of bytes, not of time)
  // and with TLS when the server's pg_hba.conf asks for it.
  if (
    first.ok ||
    first.kind !== 'login' ||
    !['prefer', 'allow'].includes(mode) ||
    target.host.startsWith('/')
  ) {
    return first
  }
  const second = await openClientOnce(target, limitMs, reached, { rejectUnauthorized: false })
  // A wrong password is reported only when pg_hba.conf accepts this kind of connection.
  return second.ok || second.code === '28P01' ? second : first
}

async function openClientOnce(
  target: ConnectTarget,
  limitMs: Millis,
  reached: Promise<SqlFailure>,
  ssl: pg.ClientConfig['ssl'],
): Promise<Opened> {
  const client = new pg.Client(clientConfig(target, limitMs, ssl))
  // Without a listener a backend that is terminated would end the whole program.
  client.on('error', () => {})
  const connecting = client.connect().then(
    () => ({ ok: true as const, client }),
    (error: unknown) => failureOfError(error, false),
  )
  const opened = await Promise.race([connecting, reached])
  if (!opened.ok) destroyClient(client)
  return opened
}

function clientConfig(target: ConnectTarget, limitMs: Millis, ssl: pg.ClientConfig['ssl']): pg.ClientConfig {
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
    ssl: ssl ?? false,
    // A walsender takes no such options before version 10 and needs none.
    ...(target.replication === true ? { replication: 'true' } : { options: options.join(' ') }),
  } as pg.ClientConfig
}

/** `pg` gives TLS as an object; sslcrl, gssencmode and channel_binding cannot be had (spec/postgres.md 13.1). */
async function tlsOf(target: ConnectTarget): Promise<pg.ClientConfig['ssl']> {
  const { sslmode, sslrootcert, sslcert, sslkey, sslpassword } = target.security
  const mode = sslmode ?? 'prefer'
  if (target.host.startsWith('/') || ['disable', 'allow', 'prefer'].includes(mode)) return false
  const read = (path: string | undefined) =>
    path === undefined || path === '' ? undefined : readFile(path, 'utf8')
  const [ca, cert, key] = await Promise.all([read(sslrootcert), read(sslcert), read(sslkey)])
  return {
    rejectUnauthorized: mode.startsWith('verify') || ca !== undefined,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(sslpassword === undefined ? {} : { passphrase: sslpassword }),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  }
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
