// Two nodes that promoted themselves at the same position have timelines of the same number and the same history, and
// PostgreSQL lets one follow the other: the data would be mixed without a word. What they wrote first tells them apart.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { formatLsn, type Lsn, type Millis, type Timeline } from '../model/units.ts'
import { type ConnectTarget, queryOnce } from './connection.ts'

/** The first records hold the time of the promotion and the sums of all before them: a page is plenty. */
const COMPARED_MAX = 8192
/** The header of the first record, with its checksum, also behind or around the header of a page. */
const FIRST_RECORD = 64

/** The file in which `beginning` lies, by the name it has on `timeline`; read there, or on the leader's own timeline, which repeats it. */
const question = (timeline: Timeline, beginning: Lsn, length: number) => `
  SELECT old.file, at.file_offset - 1 AS start,
         pg_catalog.encode(COALESCE(
           pg_catalog.pg_read_binary_file('pg_wal/' || old.file, at.file_offset - 1, ${length}, true),
           pg_catalog.pg_read_binary_file('pg_wal/' || at.file_name, at.file_offset - 1, ${length}, true)), 'hex') AS bytes
    FROM pg_catalog.pg_walfile_name_offset('${formatLsn(beginning + 1n)}'::pg_catalog.pg_lsn) AS at,
         LATERAL (SELECT '${walFilePrefix(timeline)}' || pg_catalog.substr(at.file_name, 9) AS file) AS old`

/** The first eight digits of the name of a WAL file. */
function walFilePrefix(timeline: Timeline): string {
  return timeline.toString(16).toUpperCase().padStart(8, '0')
}

export interface PartOfTimeline {
  readonly timeline: Timeline
  readonly beginning: Lsn
  readonly end: Lsn
  /** False: the local WAL up to `end` may have been copied before its source wrote the last of it. */
  readonly isWhole: boolean
}

/**
 * Compares the WAL of `timeline` from `beginning` (where both nodes' began) up to `end`, the local position, as far as both
 * still have it. Null: it cannot be told, e.g. because the WAL is gone. To be asked before the node streams from that
 * leader: a WAL receiver begins with the segment and writes the leader's over the node's own.
 */
export async function beginAlike(
  dataDir: string,
  leader: ConnectTarget,
  { timeline, beginning, end, isWhole }: PartOfTimeline,
  limitMs: Millis,
): Promise<boolean | null> {
  if (end <= beginning) return true
  const wanted = end - beginning
  const most = isWhole ? COMPARED_MAX : FIRST_RECORD
  const length = wanted < BigInt(most) ? Number(wanted) : most
  const answer = await queryOnce(leader, question(timeline, beginning, length), limitMs)
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
