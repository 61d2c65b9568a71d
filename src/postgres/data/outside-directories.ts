// The parts of the data directory that are elsewhere: the target of a symbolic pg_wal, the tablespaces. A note in the
// state directory remembers where, because the data directory may be gone: the next copy uses the same places and
// empties those that a copy of this node has filled. Other content is never touched.

import { lstat, mkdir, readdir, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { errorCode, errorText } from '../../model/error-text.ts'
import type { Context } from '../context.ts'

export interface OutsideDirectories {
  /** Target of pg_wal when it is a link. */
  readonly wal: string | null
  /** Target of each link in pg_tblspc, by its name: the tablespace's oid. */
  readonly tablespaces: Readonly<Record<string, string>>
  /** As PG_VERSION has it, `15`: in a tablespace each version has a directory of its own. */
  readonly version: string | null
  /** Everything in them came with a copy of another member's data, and no primary has written there since. */
  readonly ofCopy: boolean
}

const NOWHERE: OutsideDirectories = { wal: null, tablespaces: {}, version: null, ofCopy: false }

/** As the links in the data directory lead. */
export async function readOutside(dataDir: string): Promise<OutsideDirectories> {
  const names = await readdir(join(dataDir, 'pg_tblspc')).catch(() => [])
  const spaces = await Promise.all(
    names
      .filter(name => /^\d+$/.test(name))
      .map(async name => [name, await targetOf(join(dataDir, 'pg_tblspc', name))] as const),
  )
  return {
    wal: await targetOf(join(dataDir, 'pg_wal')),
    tablespaces: Object.fromEntries(spaces.filter((space): space is [string, string] => space[1] !== null)),
    version: await readVersion(dataDir),
    ofCopy: false,
  }
}

/** null: not a link. */
async function targetOf(path: string): Promise<string | null> {
  const written = await readlink(path).catch(() => null)
  if (written === null) return null
  const absolute = resolve(dirname(path), written)
  return await realpath(absolute).catch(() => absolute)
}

async function readVersion(dataDir: string): Promise<string | null> {
  const text = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => '')).trim()
  return /^[\d.]+$/.test(text) ? text : null
}

/** The note; empty when there is none. One that cannot be read is logged and ignored, so that nothing is emptied. */
export async function notedOutside({ log, stateDirectory }: Context): Promise<OutsideDirectories> {
  try {
    const found: Partial<OutsideDirectories> = JSON.parse(await readFile(noteIn(stateDirectory), 'utf8'))
    return { ...NOWHERE, ...found }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT')
      log('warning', `where WAL and tablespaces lay is not known: ${errorText(error)}`)
    return NOWHERE
  }
}

/** Durably. Throws when it cannot be written: then nothing may be filled. */
export async function noteOutside({ stateDirectory }: Context, what: OutsideDirectories): Promise<void> {
  const path = noteIn(stateDirectory)
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
  await writeFile(`${path}.tmp`, `${JSON.stringify(what)}\n`, { mode: 0o600, flush: true })
  await rename(`${path}.tmp`, path)
}

function noteIn(stateDirectory: string): string {
  return join(stateDirectory, 'outside-directories.json')
}

/** Where the links lead now, before the data directory is removed or after its server has started. */
export async function noteLinks(context: Context, as: 'standby' | 'primary' | 'removed'): Promise<void> {
  const [noted, links] = await Promise.all([notedOutside(context), readOutside(context.dataDir)])
  // After a broken-off copy some links may be missing.
  const isWhole = await isThere(join(context.dataDir, 'global', 'pg_control'))
  const places = isWhole
    ? links
    : {
        ...links,
        wal: links.wal ?? noted.wal,
        tablespaces: { ...noted.tablespaces, ...links.tablespaces },
        version: links.version ?? noted.version,
      }
  const now = { ...places, ofCopy: noted.ofCopy && as !== 'primary' }
  const isNew = JSON.stringify(now) !== JSON.stringify({ ...NOWHERE, ...noted })
  const isWorthIt = now.wal !== null || Object.keys(now.tablespaces).length > 0 || noted !== NOWHERE
  if (isNew && isWorthIt) await noteOutside(context, now)
}

/** A primary is about to write: from now on the data may exist nowhere else. */
export async function noLongerCopy(context: Context): Promise<void> {
  const noted = await notedOutside(context)
  if (noted.ofCopy) await noteOutside(context, { ...noted, ofCopy: false })
}

/** The directory of this PostgreSQL version in a tablespace; that of another version may be a cluster of its own. */
export async function emptyTablespace(path: string, version: string | null): Promise<void> {
  if (version === null) return
  await emptyOf(path, name => name.startsWith(`PG_${version}_`))
}

const WAL = [
  /^[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?$/,
  /^[0-9A-F]{8}\.history$/,
  /^(?:archive_status|summaries|RECOVERYXLOG|RECOVERYHISTORY|xlogtemp\.\d+)$/,
]

export async function emptyWal(path: string): Promise<void> {
  await emptyOf(path, name => WAL.some(pattern => pattern.test(name)))
}

async function emptyOf(path: string, isOurs: (name: string) => boolean): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  for (const name of names.filter(isOurs)) await rm(join(path, name), { recursive: true, force: true })
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null
}
