// Two nodes that promoted themselves at the same position have timelines of the same number and the same history, and
// PostgreSQL lets one follow the other: the data would be mixed without a word. What they wrote first tells them apart.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { formatLsn, type Lsn, type Millis } from '../model/units.ts'
import { type ConnectTarget, queryOnce } from './connection.ts'

/** The first records hold the time of the promotion and the sums of all before them: a page is plenty. */
const COMPARED_MAX = 8192

/** As the leader names it: the file of its own timeline in which `beginning` lies. */
const question = (beginning: Lsn, length: number) => `
  SELECT at.file_name AS file, at.file_offset - 1 AS start,
         pg_catalog.encode(pg_catalog.pg_read_binary_file('pg_wal/' || at.file_name, at.file_offset - 1, ${length}, true), 'hex') AS bytes
    FROM pg_catalog.pg_walfile_name_offset('${formatLsn(beginning + 1n)}'::pg_catalog.pg_lsn) AS at`

/**
 * Compares the WAL from `beginning` (where both timelines began) up to `end`, the local position, as far as both nodes
 * still have it. Null: it cannot be told, e.g. because the WAL is gone. To be asked before the node streams from that
 * leader: a WAL receiver begins with the segment and writes the leader's over the node's own.
 */
export async function beginAlike(
  dataDir: string,
  leader: ConnectTarget,
  { beginning, end }: { readonly beginning: Lsn; readonly end: Lsn },
  limitMs: Millis,
): Promise<boolean | null> {
  if (end <= beginning) return true
  const wanted = end - beginning
  const length = wanted < BigInt(COMPARED_MAX) ? Number(wanted) : COMPARED_MAX
  const answer = await queryOnce(leader, question(beginning, length), limitMs)
  if (!answer.ok) return null
  const { file, start, bytes } = answer.rows[0] ?? {}
  if (typeof file !== 'string' || !/^[0-9A-F]{24}$/.test(file) || typeof bytes !== 'string') return null
  const theirs = Buffer.from(bytes, 'hex')
  const ours = await readPart(join(dataDir, 'pg_wal', file), Number(start), theirs.length)
  return ours === null ? null : ours.equals(theirs)
}

async function readPart(path: string, start: number, length: number): Promise<Buffer | null> {
  const file = await open(path, 'r').catch(() => null)
  if (file === null) return null
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
    return bytesRead === length ? buffer : null
  } catch {
    return null
  } finally {
    await file.close()
  }
}
