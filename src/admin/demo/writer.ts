// A client that writes through HAProxy as fast as one session can, and keeps count of what was acknowledged: the
// measure of every outage, and at the end the proof that nothing acknowledged is missing.

import pg from 'pg'
import type { Millis } from '../../model/units.ts'
import { type Clock, inTime } from '../../ports/clock.ts'
import { DEMO_PASSWORD } from './layout.ts'

interface Outage {
  /** Longest pause between two acknowledged writes since the mark. */
  readonly longestPauseMs: Millis
  readonly acknowledged: number
}

export interface Writer {
  /** Begins a new measurement. */
  mark(): void
  since(): Outage
  acknowledged(): number
  /** Ends the writing, whatever its outcome. */
  stop(): void
  /** Ends the writing and says which acknowledged rows the cluster does not have. */
  finish(limitMs: Millis): Promise<{ readonly acknowledged: number; readonly missing: readonly number[] }>
}

const CONNECT_MS = 1000
const WRITE_MS = 3000
const PAUSE_MS = 10

export function startWriter(port: number, clock: Clock): Writer {
  const acknowledged: number[] = []
  let stopping = false
  let client: pg.Client | null = null
  let lastMs = clock.bootMs()
  let markMs = lastMs
  let longestMs = 0
  let counted = 0

  function note(id: number): void {
    const now = clock.bootMs()
    longestMs = Math.max(longestMs, now - Math.max(lastMs, markMs))
    lastMs = now
    acknowledged.push(id)
  }

  async function write(): Promise<void> {
    for (let id = 1; !stopping; id++) {
      try {
        client ??= await open(port)
        await client.query('INSERT INTO hactl_demo (id) VALUES ($1)', [id])
        note(id)
      } catch {
        // Whether this row was written is unknown, so it is not counted; the next one gets a new session.
        await drop(client)
        client = null
        await clock.sleep(PAUSE_MS)
      }
    }
  }

  const writing = write()
  return {
    mark() {
      markMs = clock.bootMs()
      longestMs = 0
      counted = acknowledged.length
    },
    since: () => ({
      longestPauseMs: Math.max(longestMs, clock.bootMs() - Math.max(lastMs, markMs)),
      acknowledged: acknowledged.length - counted,
    }),
    acknowledged: () => acknowledged.length,
    stop() {
      stopping = true
    },
    async finish(limitMs) {
      stopping = true
      await inTime<unknown>(writing, limitMs, clock, () => undefined)
      await drop(client)
      const rows = await readRows(port)
      return { acknowledged: acknowledged.length, missing: acknowledged.filter(id => !rows.has(id)) }
    },
  }
}

async function readRows(port: number): Promise<ReadonlySet<number>> {
  const client = await open(port)
  try {
    const result = await client.query<{ id: number }>('SELECT id::int AS id FROM hactl_demo')
    return new Set(result.rows.map(row => row.id))
  } finally {
    await drop(client)
  }
}

async function open(port: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: DEMO_PASSWORD,
    database: 'postgres',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: WRITE_MS,
  })
  // A cut session ends the query in progress; the event itself adds nothing.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query(
      'CREATE TABLE IF NOT EXISTS hactl_demo (id bigint PRIMARY KEY, at timestamptz DEFAULT now())',
    )
    return client
  } catch (error) {
    await drop(client)
    throw error
  }
}

async function drop(client: pg.Client | null): Promise<void> {
  if (client === null) return
  const ended = client.end().catch(() => undefined)
  const limit = new Promise(resolve => setTimeout(resolve, 200).unref())
  await Promise.race([ended, limit])
}
