// The program that stands for an application: inserts one row after the other, notes each acknowledgement, and connects
// again at once after any failure. Started by writer.ts with its orders as JSON in the first argument.

import { openSync, writeSync } from 'node:fs'
import pg from 'pg'
import { errorText } from '../../../src/model/error-text.ts'
import { type Acknowledgement, NO_ANSWER } from './acknowledgements.ts'
import type { WriterOrders } from './writer.ts'

const orders = JSON.parse(process.argv[2] ?? '{}') as WriterOrders
const file = openSync(orders.file, 'a')
let row = orders.firstRow
let ending = false
/** By address; what an acknowledgement makes untrue again is forgotten. */
const lastNotes = new Map<string, string>()

const clocks: Readonly<Record<WriterOrders['serverClock'], string>> = {
  wall: 'extract(epoch from clock_timestamp())::float8 * 1000',
  uptime: "split_part(pg_read_file('/proc/uptime'), ' ', 1)::float8 * 1000",
}

const statement = `insert into ${orders.table} (row) values ($1)
  returning host(inet_server_addr()) as server,
    ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int as timeline,
    ${clocks[orders.serverClock]} as executed_ms`

process.on('SIGTERM', () => {
  ending = true
})

const loops = orders.mode === 'all-at-once' ? orders.addresses.map(address => [address]) : [orders.addresses]
await Promise.all(loops.map(writeThrough))

/** Writes through the first address that takes rows; another one when that fails. */
async function writeThrough(addresses: readonly string[]): Promise<void> {
  for (let attempt = 0; !ending; attempt += 1) {
    const address = addresses[attempt % addresses.length] ?? ''
    const [host, port] = address.split(':')
    const client = new pg.Client({
      host,
      port: Number(port),
      user: orders.user,
      database: orders.database,
      password: process.env.PGPASSWORD,
    })
    // A connection that dies while idle says so here; the next insert fails and is handled there.
    client.on('error', () => undefined)
    try {
      await within(orders.attemptMs, client.connect())
      while (!ending) {
        const taken = await within(orders.attemptMs, insertOrWait(client))
        lastNotes.delete(address)
        await pause(taken ? orders.pauseMs : 20)
      }
    } catch (error) {
      note(address, error)
    } finally {
      destroy(client)
    }
    await pause(10)
  }
}

/** A watcher of all servers stays on a standby, which says no until the moment it is promoted: false. */
async function insertOrWait(client: pg.Client): Promise<boolean> {
  try {
    await insert(client)
    return true
  } catch (error) {
    if (orders.mode === 'all-at-once' && (error as { code?: string }).code === '25006') return false
    throw error
  }
}

async function insert(client: pg.Client): Promise<void> {
  const mine = row
  row += 1
  const sentMs = nowMs()
  const { rows } = await client.query({ name: 'insert', text: statement, values: [mine] })
  const acknowledgement: Acknowledgement = {
    row: mine,
    sentMs,
    acknowledgedMs: nowMs(),
    server: rows[0].server,
    timeline: rows[0].timeline,
    executedMs: rows[0].executed_ms,
  }
  writeSync(file, `${JSON.stringify(acknowledgement)}\n`)
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Not pg's own time-outs: they leave some waits unbounded (a stopped server). Here the connection is thrown away. */
async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const expire = (dueMs: number) => {
      // Late itself: this program stood still, and the answer may lie in the socket. It gets one more turn to be read.
      if (nowMs() - dueMs > 100) timer = setTimeout(expire, 100, nowMs() + 100)
      else reject(new Error(`${NO_ANSWER} ${limitMs} ms`))
    }
    timer = setTimeout(expire, limitMs, nowMs() + limitMs)
  })
  // Whichever loses the race may still fail, and nobody listens any more.
  work.catch(() => undefined)
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}

function destroy(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

/** One line for each new kind of failure of a server, so that the log of a long outage stays short (`Note`). */
function note(address: string, error: unknown): void {
  const text = errorText(error)
  if (text !== lastNotes.get(address)) console.log(`${nowMs().toFixed(0)} ${address} ${text}`)
  lastNotes.set(address, text)
}
