// SQL over `pg`, always bounded: a stopped, hung or half-dead server must never keep an await pending. Two
// forms: one kept connection for the looks, replaced after any error, and fresh ones for single tasks.

import type pg from 'pg'
import type { Millis } from '../../model/units.ts'
import {
  type ConnectTarget,
  closeClient,
  destroyClient,
  failure,
  type Opened,
  openClient,
  queryClient,
  type SqlFailure,
  type SqlResult,
  startLimit,
} from './sql-client.ts'

export type { ConnectTarget, Row, SqlFailure, SqlResult } from './sql-client.ts'

export const CONNECT_LIMIT_MS = 3000
export const STATEMENT_LIMIT_MS = 2000

/** An open session of a limited task. */
export interface Session {
  query(sql: string): Promise<SqlResult>
}

/** Connects, runs `task` and closes, all within `limitMs`; the failure of connecting is returned as it is. */
export async function withSession<T>(
  target: ConnectTarget,
  limitMs: Millis,
  task: (session: Session) => Promise<T>,
  signal?: AbortSignal,
): Promise<T | SqlFailure> {
  const limit = startLimit(limitMs, signal)
  const opened = await openClient(target, Math.min(limitMs, CONNECT_LIMIT_MS), limit.reached)
  if (!opened.ok) {
    limit.stop()
    return opened
  }
  const query = async (sql: string) => {
    const answer = await queryClient(opened.client, sql, limit.reached)
    if (!answer.ok && (answer.kind === 'timeout' || answer.kind === 'cancelled')) destroyClient(opened.client)
    return answer
  }
  try {
    return await task({ query })
  } finally {
    limit.stop()
    closeClient(opened.client)
  }
}

/** One statement on a connection of its own. */
export function queryOnce(
  target: ConnectTarget,
  sql: string,
  limitMs: Millis,
  signal?: AbortSignal,
): Promise<SqlResult> {
  return withSession<SqlResult>(target, limitMs, session => session.query(sql), signal)
}

/** The one long-lived connection. Any error closes it; the next query opens a new one. */
export class KeptConnection {
  readonly #target: () => Promise<ConnectTarget>
  readonly #onLost: () => void
  #client: pg.Client | null = null
  #opening: Promise<Opened> | null = null
  #generation = 0
  /** The last query; pg 9 accepts no second one before the first is answered. */
  #last: Promise<unknown> = Promise.resolve()

  /** `onLost` is called when an open connection ends without our doing: a hint that the server died. */
  constructor(target: () => Promise<ConnectTarget>, onLost: () => void) {
    this.#target = target
    this.#onLost = onLost
  }

  get isOpen(): boolean {
    return this.#client !== null
  }

  async query(sql: string, limitMs: Millis, values: readonly unknown[] = []): Promise<SqlResult> {
    const limit = startLimit(limitMs)
    try {
      const generation = this.#generation
      const opened =
        this.#client === null
          ? await Promise.race([this.#open(limitMs), limit.reached])
          : { ok: true as const, client: this.#client }
      if (!opened.ok) return opened
      const answer = await this.#inTurn(limit.reached, () =>
        queryClient(opened.client, sql, limit.reached, values),
      )
      if (!answer.ok && generation === this.#generation) this.#drop(opened.client)
      return answer
    } finally {
      limit.stop()
    }
  }

  /** Drops the connection: before a start, a stop, and at the end. */
  close(): void {
    this.#generation += 1
    if (this.#client !== null) this.#drop(this.#client)
    this.#opening = null
  }

  /** A beat, a request and a promotion may query at once: they take turns, each within its own limit. */
  #inTurn(limit: Promise<SqlFailure>, ask: () => Promise<SqlResult>): Promise<SqlResult> {
    const before = this.#last
    const run = async (): Promise<SqlResult> => {
      const late = await Promise.race([before.then(() => null), limit])
      return late ?? (await ask())
    }
    const answer = run()
    this.#last = answer.catch(() => undefined)
    return answer
  }

  #open(limitMs: Millis): Promise<Opened> {
    this.#opening ??= this.#connect(limitMs).finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #connect(limitMs: Millis): Promise<Opened> {
    const generation = this.#generation
    const limit = startLimit(Math.min(limitMs, CONNECT_LIMIT_MS))
    const opened = await openClient(await this.#target(), Math.min(limitMs, CONNECT_LIMIT_MS), limit.reached)
    limit.stop()
    if (!opened.ok) return opened
    const { client } = opened
    if (generation !== this.#generation) {
      closeClient(client)
      return failure('cancelled', 'the connection was closed meanwhile', false)
    }
    this.#client = client
    client.once('end', () => {
      if (this.#client !== client) return
      this.#client = null
      this.#onLost()
    })
    return opened
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) {
      this.#client = null
      this.#last = Promise.resolve()
    }
    destroyClient(client)
  }
}

/** For callers that work with exceptions: the rows, or an Error with the SQLSTATE as `code`. */
export function queryOrThrow(connection: KeptConnection, limitMs: Millis) {
  return async (sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> => {
    const answer = await connection.query(sql, limitMs, values)
    if (!answer.ok) throw Object.assign(new Error(answer.why), { code: answer.code })
    return answer.rows.map(row => ({ ...row }))
  }
}
