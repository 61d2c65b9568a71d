// The source of a rewind, checked before anything is touched: the files as pg_rewind lists them, and whether it can
// read them. pg_rewind itself would find out after it has changed half of the data directory.

import pg from 'pg'
import type { Upstream } from '../../model/cluster/peer.ts'
import type { Millis } from '../../model/units.ts'
import { type Context, cancelled, failed, type StepFailure } from '../context.ts'
import { type Place, remedyOf } from '../create/remedies.ts'
import { queryOnce, type SqlResult } from '../session/connection.ts'

export interface SourceFile {
  /** Relative to the data directory. */
  readonly path: string
  readonly size: number
  readonly isDirectory: boolean
  /** The path of a tablespace on the source. */
  readonly location: string | null
}

/** A directory of a million files takes a while. */
const LIST_LIMIT_MS: Millis = 300_000

const FILES = `WITH RECURSIVE files (path, filename, size, isdir) AS (
  SELECT '', filename, size, isdir FROM (SELECT pg_ls_dir('.', true, false) AS filename) AS fn, pg_stat_file(fn.filename, true)
  UNION ALL
  SELECT p.path || p.filename || '/', fn, this.size, this.isdir
  FROM files AS p, pg_ls_dir(p.path || p.filename, true, false) AS fn, pg_stat_file(p.path || p.filename || '/' || fn, true) AS this
  WHERE p.isdir)
SELECT path || filename AS path, size::float8, isdir, pg_tablespace_location(pg_tablespace.oid) AS location
FROM files LEFT JOIN pg_tablespace ON path = 'pg_tblspc/' AND oid::text = filename WHERE isdir IS NOT NULL`

const MAY_READ = `SELECT bool_and(has_function_privilege(f, 'EXECUTE')) AS may FROM unnest(ARRAY[
  'pg_catalog.pg_read_binary_file(text)', 'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)']) AS f`

type SourceAnswer = { readonly ok: true; readonly files: readonly SourceFile[] } | StepFailure

export async function askRewindSource(
  context: Context,
  from: Upstream,
  place: Place,
  signal: AbortSignal,
): Promise<SourceAnswer> {
  const target = { ...(await context.access.leader(from)), settings: { statement_timeout: '0' } }
  const ask = (sql: string) => queryOnce(target, sql, LIST_LIMIT_MS, signal)
  const listed = await ask(FILES)
  if (!listed.ok) return refusal(listed, place, signal)
  const files = listed.rows.map(row => ({
    path: String(row.path),
    size: Number(row.size),
    isDirectory: row.isdir === true,
    location: typeof row.location === 'string' && row.location !== '' ? row.location : null,
  }))
  const may = await ask(MAY_READ)
  if (!may.ok) return refusal(may, place, signal)
  if (may.rows[0]?.may !== true)
    return refused(`permission denied for function pg_read_binary_file on ${from.name}`, place)
  const socket = files.find(({ path }) => /(?:^|\/)\.s\.PGSQL\.\d+$/.test(path))
  if (socket !== undefined)
    return failed(
      `${from.name} has the socket ${socket.path} in its data directory, which pg_rewind would try to copy`,
      `set unix_socket_directories of all nodes to a directory outside of the data directory, and restart ${from.name}`,
    )
  const read = await ask(readOneByteOf(files))
  return read.ok ? { ok: true, files } : refusal(read, place, signal)
}

/**
 * Files other than relations that the server may not read, e.g. one that root owns. Empty files are left out: a named
 * pipe has size 0, and reading it never ends.
 */
function readOneByteOf(files: readonly SourceFile[]): string {
  const others = files.filter(
    ({ isDirectory, path, size }) => !isDirectory && size > 0 && !/^(?:base|pg_tblspc|global\/\d)/.test(path),
  )
  const paths = others.map(({ path }) => pg.escapeLiteral(path)).join(', ')
  return `SELECT count(pg_read_binary_file(path, 0, 1, true)) FROM unnest(ARRAY[${paths}]::text[]) AS path`
}

function refusal(
  answer: SqlResult & { readonly ok: false },
  place: Place,
  signal: AbortSignal,
): SourceAnswer {
  if (signal.aborted) return cancelled('the rewind')
  return refused(`${place.source}: ${answer.why}`, place)
}

function refused(why: string, place: Place): SourceAnswer {
  return failed(why, remedyOf(why, place))
}
