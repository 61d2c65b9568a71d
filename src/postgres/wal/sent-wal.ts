// WAL of another server, requested as a standby would: a standby's login and slots are enough, and removed WAL is
// distinguished from a silent server.

import type pg from 'pg'
import { formatLsn, type Lsn, type Millis, type Timeline } from '../../model/units.ts'
import { CONNECT_LIMIT_MS, type ConnectTarget } from '../session/connection.ts'
import { closeClient, openClient, queryClient, startLimit } from '../session/sql-client.ts'

export interface WalPart {
  readonly timeline: Timeline
  readonly from: Lsn
  readonly length: number
}

/** `gone`: that server never had it or no longer has it; `unknown`: it could not be asked now. */
type SentWal =
  | { readonly kind: 'sent'; readonly bytes: Buffer }
  | { readonly kind: 'gone' | 'unknown'; readonly why: string }

/** Type, start, end of the server's WAL, time: before the bytes of a message. */
const HEADER = 25
const WAL_MESSAGE = 0x77
/** `undefined_file`: the segment was removed. */
const GONE: readonly string[] = ['58P01']
/** The end of the copy is waited for, so that the server logs no broken connection. */
const GOODBYE_MS: Millis = 300

/** Bounded by `limitMs`; the first bytes are enough, then the stream is ended in good order. */
export async function readSentWal(target: ConnectTarget, part: WalPart, limitMs: Millis): Promise<SentWal> {
  const limit = startLimit(limitMs)
  try {
    const opened = await openClient(target, Math.min(limitMs, CONNECT_LIMIT_MS), limit.reached)
    if (!opened.ok) return { kind: 'unknown', why: opened.why }
    const { client } = opened
    const sent = collect(client, part.length)
    const start = `START_REPLICATION PHYSICAL ${formatLsn(part.from)} TIMELINE ${part.timeline}`
    const ended = queryClient(client, start, limit.reached)
    const first = await Promise.race([sent, ended])
    if (Buffer.isBuffer(first)) {
      await sayGoodbye(client, ended)
      return { kind: 'sent', bytes: first }
    }
    closeClient(client)
    if (first.ok)
      return {
        kind: 'gone',
        why: `it has no WAL of timeline ${part.timeline} behind ${formatLsn(part.from)}`,
      }
    return { kind: GONE.includes(first.code) ? 'gone' : 'unknown', why: first.why }
  } finally {
    limit.stop()
  }
}

type Connection = {
  on(event: 'copyData', listener: (message: { readonly chunk: Buffer }) => void): void
  endCopyFrom(): void
}

/** Resolves with the first `length` bytes of WAL, or never. */
function collect(client: pg.Client, length: number): Promise<Buffer> {
  const { connection } = client as unknown as { connection: Connection }
  let bytes = Buffer.alloc(0)
  return new Promise(resolve => {
    connection.on('copyData', ({ chunk }) => {
      if (chunk[0] !== WAL_MESSAGE || bytes.length >= length) return
      bytes = Buffer.concat([bytes, chunk.subarray(HEADER)])
      if (bytes.length >= length) resolve(bytes.subarray(0, length))
    })
  })
}

async function sayGoodbye(client: pg.Client, ended: Promise<unknown>): Promise<void> {
  const { connection } = client as unknown as { connection: Connection }
  connection.endCopyFrom()
  const late = startLimit(GOODBYE_MS)
  await Promise.race([ended, late.reached])
  late.stop()
  closeClient(client)
}
