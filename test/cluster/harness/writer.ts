// Starts the writer on a host of the stage and reads what it was told (writer-program.ts, acknowledgements.ts).

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Acknowledgement,
  missingRows,
  parseAcknowledgements,
  type Summary,
  summarise,
} from './acknowledgements.ts'
import type { Host } from './network.ts'
import { query } from './servers.ts'
import type { Running, Stage } from './stage.ts'
import { nowMs, until } from './until.ts'

export interface WriterOrders {
  /** `address:port`, tried in turn. */
  readonly addresses: readonly string[]
  /**
   * `in-turn`: one connection, as an application behind HAProxy or with several hosts in its connection string has.
   * `all-at-once`: one connection to each address, to catch two servers that accept writes at the same time.
   */
  readonly mode: 'in-turn' | 'all-at-once'
  readonly user: string
  readonly database: string
  readonly table: string
  readonly file: string
  readonly firstRow: number
  /** Milliseconds between an acknowledgement and the next insert; gaps are measured no finer than this. */
  readonly pauseMs: number
  /** Milliseconds for connecting, and for one insert, before the connection is given up. */
  readonly attemptMs: number
  /** By which the servers say when they ran an insert: `uptime`, in steps of 10 ms, where the wall clock of one is wrong. */
  readonly serverClock: 'wall' | 'uptime'
}

/** What the writer said of a server: why it lost its connection, or got none. */
export interface Note {
  readonly atMs: number
  /** `address:port` */
  readonly address: string
  readonly text: string
}

export interface Writer {
  readonly process: Running
  notes(): Promise<readonly Note[]>
  /** All acknowledgements until now. */
  acknowledgements(): Promise<readonly Acknowledgement[]>
  /** Waits for an insert that was sent after this call to be acknowledged, by a server other than `not`; gives it. */
  nextAcknowledgement(limitMs: number, not?: Host): Promise<Acknowledgement>
  /** Ends the writer and says what it saw. */
  finish(): Promise<Summary>
}

export type WriterChoice = Pick<WriterOrders, 'addresses'> & Partial<Omit<WriterOrders, 'file'>>

const table = 'acknowledged'
let writers = 0

/** Makes the table on the primary. Ask before the writer starts. */
export async function createTable(from: Host, primary: Host, user = 'postgres'): Promise<void> {
  await query(from, primary, `create table if not exists ${table} (row bigint primary key)`, user)
}

/** `password`: for all users; the writer gets it by its environment. */
export async function startWriter(
  stage: Stage,
  on: Host,
  choice: WriterChoice,
  password = '',
): Promise<Writer> {
  writers += 1
  const orders: WriterOrders = {
    mode: 'in-turn',
    user: 'postgres',
    database: 'postgres',
    table,
    firstRow: writers * 1_000_000_000,
    pauseMs: 5,
    attemptMs: 1000,
    serverClock: 'wall',
    ...choice,
    // In memory: a disk that stands still would be taken for a server that does.
    file: join(stage.memory, `acknowledged-${writers}.jsonl`),
  }
  await writeFile(orders.file, '')
  const running = await stage.start(on, {
    name: 'writer',
    command: [process.execPath, join(import.meta.dirname, 'writer-program.ts'), JSON.stringify(orders)],
    env: { PGPASSWORD: password },
  })
  const acknowledgements = readGrowing(orders.file)
  return {
    process: running,
    notes: async () => notesIn(await running.log()),
    acknowledgements,
    async nextAcknowledgement(limitMs, not) {
      const sinceMs = nowMs()
      const next = async () => {
        const found = (await acknowledgements()).find(
          ({ sentMs, server }) => sentMs > sinceMs && server !== not?.address,
        )
        if (found === undefined) throw new Error(`the writer says: ${(await running.log()).slice(-500)}`)
        return found
      }
      return until('an insert is acknowledged', next, limitMs)
    },
    async finish() {
      await running.stop('SIGTERM', orders.attemptMs + 20_000)
      return summarise(await acknowledgements())
    },
  }
}

function notesIn(log: string): readonly Note[] {
  return log
    .split('\n')
    .map(line => /^(\d+) (\S+) (.*)$/.exec(line))
    .filter(match => match !== null)
    .map(([, at, address = '', text = '']) => ({ atMs: Number(at), address, text }))
}

/** Reads only what came since the last call: a file of a long test is looked at often. */
function readGrowing(path: string): () => Promise<readonly Acknowledgement[]> {
  const all: Acknowledgement[] = []
  let position = 0
  let turn: Promise<unknown> = Promise.resolve()
  const read = async () => {
    const text = (await readFile(path)).subarray(position).toString('utf8')
    const complete = text.slice(0, text.lastIndexOf('\n') + 1)
    position += Buffer.byteLength(complete)
    all.push(...parseAcknowledgements(complete))
    return [...all]
  }
  return () => {
    const next = turn.then(read)
    turn = next.catch(() => undefined)
    return next
  }
}

/** Acknowledged rows that the server `at` does not have, asked from the host `from`. */
export async function lostRows(
  writer: Writer,
  from: Host,
  at: Host,
  user = 'postgres',
): Promise<readonly Acknowledgement[]> {
  const rows = await query(from, at, `select row from ${table}`, user)
  return missingRows(await writer.acknowledgements(), new Set(rows.split('\n').filter(Boolean).map(Number)))
}
