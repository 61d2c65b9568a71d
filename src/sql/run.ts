// One text of SQL over `pg`, for `hactl query`. Everything is bounded: a server that is stopped or hung never keeps it
// waiting.

import type pg from 'pg'
import type { Json } from '../model/cluster/cluster.ts'
import type { Millis } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { SqlAnswer, SqlTable, SqlTarget } from '../ports/sql.ts'
import { connectAsLibpq } from '../system/libpq-client.ts'
import { LoginRefused } from '../system/libpq-login.ts'
import { optionsOfEnvironment } from '../system/libpq-tls.ts'
import { requestCancel } from './cancel.ts'

const CONNECT_MS: Millis = 5000
const END_MS = 200
const CANCEL_MS: Millis = 1000
const QUERY_CANCELED = '57014'

export async function runSql(
  clock: Clock,
  target: SqlTarget,
  sql: string,
  recovery: boolean | null,
  limitMs: Millis,
  interrupted: AbortSignal,
): Promise<SqlAnswer> {
  const endMs = clock.bootMs() + limitMs
  const leftMs = (): Millis => Math.max(1, Math.round(endMs - clock.bootMs()))
  const opened = await open(target, leftMs)
  if ('why' in opened) return opened
  const { client } = opened
  const late = Promise.withResolvers<SqlAnswer>()
  const timer = setTimeout(
    () => late.resolve({ kind: 'timed-out', why: `no answer within ${limitMs} ms` }),
    leftMs(),
  )
  const asked = ask(client, sql, recovery)
  const stopped = Promise.withResolvers<SqlAnswer>()
  const stop = (): void => stopped.resolve(cancel(client, target, asked))
  interrupted.addEventListener('abort', stop)
  if (interrupted.aborted) stop()
  try {
    const answer = await Promise.race([asked, late.promise, stopped.promise])
    const isCancelled = interrupted.aborted && answer.kind === 'error' && answer.sqlstate === QUERY_CANCELED
    return isCancelled ? { kind: 'interrupted', cancelled: true } : answer
  } finally {
    clearTimeout(timer)
    interrupted.removeEventListener('abort', stop)
    close(client)
  }
}

/** Statements that finished before the cancel stay done. */
async function cancel(client: pg.Client, target: SqlTarget, asked: Promise<SqlAnswer>): Promise<SqlAnswer> {
  await requestCancel(target, client as unknown as { processID: number; secretKey: number }, CANCEL_MS)
  const late = new Promise<null>(resolve => setTimeout(resolve, CANCEL_MS, null).unref())
  return (await Promise.race([asked, late])) ?? { kind: 'interrupted', cancelled: false }
}

type Opened =
  | { readonly client: pg.Client }
  | Exclude<SqlAnswer, { kind: 'done' | 'other-role' | 'interrupted' }>

/** As libpq does it, with its PG* variables: TLS by PGSSLMODE, and what PGREQUIREAUTH and PGCHANNELBINDING leave. */
async function open(target: SqlTarget, leftMs: () => Millis): Promise<Opened> {
  const { host, port, user, password, database } = target
  const config = {
    host,
    port,
    ...(user !== null && { user }),
    ...(password !== null && { password }),
    ...(database !== null && { database }),
    // The server also ends the statement when nobody waits for it any more.
    statement_timeout: leftMs() + END_MS,
    connectionTimeoutMillis: Math.min(CONNECT_MS, leftMs()),
    fallback_application_name: 'hactl',
    types: { getTypeParser: (oid: number) => (text: unknown) => typed(oid, String(text)) },
  }
  try {
    const libpq = { config, options: optionsOfEnvironment(process.env) }
    const opened = await connectAsLibpq<{ readonly error: unknown }>(libpq, async client => {
      try {
        await client.connect()
        return { client }
      } catch (error) {
        close(client)
        return { error }
      }
    })
    return 'client' in opened ? opened : connectFailure(opened.error)
  } catch (error) {
    return { kind: 'unreachable', why: textOf(error) }
  }
}

/** PostgreSQL's own refusal of a login is an answer; all else is no answer. */
function connectFailure(error: unknown): Exclude<SqlAnswer, { kind: 'done' | 'other-role' | 'interrupted' }> {
  const why = textOf(error)
  // The same sqlstate as a server's refusal: another member would be asked in the same way.
  if (error instanceof LoginRefused) return { kind: 'error', sqlstate: '28000', why }
  // pg asks for a password in its own words when it has none.
  if (/client password must be a string/.test(why))
    return { kind: 'error', sqlstate: '28P01', why: 'the server asks for a password, and none was given' }
  const sqlstate = sqlstateOf(error)
  return sqlstate?.startsWith('28') || sqlstate === '3D000'
    ? { kind: 'error', sqlstate, why }
    : { kind: 'unreachable', why }
}

async function ask(client: pg.Client, sql: string, recovery: boolean | null): Promise<SqlAnswer> {
  try {
    const found = await client.query('select pg_catalog.pg_is_in_recovery()')
    const inRecovery = Object.values(found.rows[0] ?? {})[0] === true
    if (recovery !== null && recovery !== inRecovery) return { kind: 'other-role', inRecovery }
    const results = await client.query({ text: sql, rowMode: 'array' })
    const last = Array.isArray(results) ? results.at(-1) : results
    return { kind: 'done', inRecovery, table: tableOf(last) }
  } catch (error) {
    const sqlstate = sqlstateOf(error)
    const why = textOf(error)
    return sqlstate === null ? { kind: 'unreachable', why } : { kind: 'error', sqlstate, why }
  }
}

function tableOf(result: pg.QueryArrayResult | undefined): SqlTable {
  if (result === undefined) return { columns: null, rows: [], tag: '' }
  const { fields, rows, command, rowCount } = result
  const oid = command === 'INSERT' ? ' 0' : ''
  const tag = `${command}${oid}${rowCount === null ? '' : ` ${rowCount}`}`.trim()
  return { columns: fields.length === 0 ? null : fields.map(({ name }) => name), rows: rows as Json[][], tag }
}

const BOOLEAN = 16
const INTEGERS = [20, 21, 23, 26]

/** Numbers and booleans as such, everything else as PostgreSQL writes it. */
function typed(oid: number, text: string): Json {
  if (oid === BOOLEAN) return text === 't'
  if (!INTEGERS.includes(oid)) return text
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : text
}

function sqlstateOf(error: unknown): string | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.replace(/\s+/g, ' ').slice(0, 500)
}

/** `end` of a client whose server is stopped never settles. */
function close(client: pg.Client): void {
  const stream = (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream
  const timer = setTimeout(() => stream?.destroy(), END_MS)
  client
    .end()
    .catch(() => {})
    .finally(() => clearTimeout(timer))
}
