// Where a base backup puts the files outside the data directory: in the places that this node used before, unless the
// configuration names others. Remains of this node's own copies are removed first; any other content stays, and
// pg_basebackup then refuses the place.

import { readdir } from 'node:fs/promises'
import type { Upstream } from '../../model/cluster/peer.ts'
import { errorText } from '../../model/error-text.ts'
import type { Context } from '../context.ts'
import {
  emptyTablespace,
  emptyWal,
  notedOutside,
  noteOutside,
  type OutsideDirectories,
} from '../data/outside-directories.ts'
import { queryOnce } from '../session/connection.ts'

const ASK_LIMIT_MS = 5000

interface Tablespace {
  readonly oid: string
  /** On the source. */
  readonly location: string
}

interface Source {
  readonly version: string
  readonly tablespaces: readonly Tablespace[]
}

/** More options for pg_basebackup, beside those of the configuration. Throws when the note cannot be written. */
export async function prepareCopyPlaces(
  context: Context,
  from: Upstream,
  options: readonly string[],
): Promise<readonly string[]> {
  const noted = await notedOutside(context)
  await emptyOwn(context, noted)
  const source = await askSource(context, from, noted)
  const chosen = mappingsIn(options)
  const configuredWal = optionValue(options, 'waldir')
  const places = (source?.tablespaces ?? []).map(({ oid, location }) => {
    const former = chosen.get(location) ?? noted.tablespaces[oid]
    return { oid, location, local: former ?? location }
  })
  const wal = configuredWal ?? noted.wal
  const empty = await onlyEmpty({
    wal,
    tablespaces: Object.fromEntries(places.map(({ oid, local }) => [oid, local])),
    version: source?.version ?? noted.version,
    ofCopy: true,
  })
  await noteOutside(context, empty)
  const moved = places.filter(({ local, location }) => local !== location && !chosen.has(location))
  return [
    ...(wal !== null && configuredWal === null ? [`--waldir=${wal}`] : []),
    ...moved.map(({ local, location }) => `--tablespace-mapping=${escaped(location)}=${escaped(local)}`),
  ]
}

/** Empties what a broken-off copy left, or one whose data directory is gone: all of it still exists in the cluster. */
async function emptyOwn({ log }: Context, noted: OutsideDirectories): Promise<void> {
  if (!noted.ofCopy) return
  const warn = (path: string) => (error: unknown) =>
    log('warning', `what a copy of this node left in ${path} cannot be removed: ${errorText(error)}`)
  if (noted.wal !== null) await emptyWal(noted.wal).catch(warn(noted.wal))
  for (const path of Object.values(noted.tablespaces))
    await emptyTablespace(path, noted.version).catch(warn(path))
}

/** Only directories that are empty before the copy may be emptied after it: other content is not this copy's. */
async function onlyEmpty(places: OutsideDirectories): Promise<OutsideDirectories> {
  const isEmpty = async (path: string) => (await readdir(path).catch(noSuch)).length === 0
  const spaces = await Promise.all(
    Object.entries(places.tablespaces).map(async space => ((await isEmpty(space[1])) ? [space] : [])),
  )
  return {
    ...places,
    wal: places.wal !== null && (await isEmpty(places.wal)) ? places.wal : null,
    tablespaces: Object.fromEntries(spaces.flat()),
  }
}

/** One that cannot be listed counts as full. */
function noSuch(error: NodeJS.ErrnoException): readonly string[] {
  return error.code === 'ENOENT' ? [] : ['?']
}

async function askSource(
  context: Context,
  from: Upstream,
  noted: OutsideDirectories,
): Promise<Source | null> {
  const sql = `SELECT current_setting('server_version_num')::int / 10000 AS version,
    (SELECT json_agg(json_build_object('oid', oid::text, 'location', pg_catalog.pg_tablespace_location(oid)))
     FROM pg_catalog.pg_tablespace WHERE pg_catalog.pg_tablespace_location(oid) <> '') AS tablespaces`
  const answer = await queryOnce(await context.access.leader(from), sql, ASK_LIMIT_MS)
  if (!answer.ok) {
    // pg_basebackup reports the source's state itself; here it matters only for links that would be lost.
    const loses = Object.keys(noted.tablespaces).length > 0
    context.log(loses ? 'warning' : 'info', `the tablespaces of ${from.name} are not known: ${answer.why}`)
    return null
  }
  const { version, tablespaces } = answer.rows[0] as {
    version: number
    tablespaces: readonly Tablespace[] | null
  }
  return { version: String(version), tablespaces: tablespaces ?? [] }
}

function optionValue(options: readonly string[], name: string): string | null {
  const option = options.find(text => text.startsWith(`--${name}=`))
  return option === undefined ? null : option.slice(name.length + 3)
}

/** `--tablespace-mapping=OLD=NEW`; an equals sign in a path has a backslash before it. */
function mappingsIn(options: readonly string[]): ReadonlyMap<string, string> {
  const name = '--tablespace-mapping='
  const mappings = options.filter(text => text.startsWith(name)).map(text => text.slice(name.length))
  return new Map(
    mappings.flatMap(text => {
      const [old = '', at] = text.split(/(?<!\\)=/).map(path => path.replaceAll('\\=', '='))
      return at === undefined ? [] : [[old, at] as const]
    }),
  )
}

function escaped(path: string): string {
  return path.replaceAll('=', '\\=')
}
