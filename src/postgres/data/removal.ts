// Deleting a data directory, or setting it aside as `.failed`, with what belongs to it elsewhere: the target of a
// symbolic pg_wal and the tablespaces (spec/postgres.md 3.6). Never while a server works on it.

import {
  lstat,
  mkdir,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  unlink,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode, errorText } from '../../model/error-text.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { type Context, DONE, failed } from '../context.ts'
import { endOrphanedPrograms } from '../server/leftovers.ts'
import { findServerProcesses } from '../server/postmaster.ts'
import { chownToServerUser } from '../server/run-as.ts'
import { clearMark, findMarks, setMark } from './marks.ts'
import { forgetOrigins } from './noted-origins.ts'
import { emptyTablespace, emptyWal, notedOutside, noteLinks, readOutside } from './outside-directories.ts'
import { unmarkBootstrap } from './unfinished-bootstrap.ts'
import { unmarkRewind } from './unfinished-rewind.ts'

/** Why nothing may be deleted now; null: no server works on the data directory. */
async function inUse(context: Context): Promise<string | null> {
  const { dataDir, programs, watch } = context
  const running = await watch.find()
  if (running === null) await endOrphanedPrograms(context)
  else return `PostgreSQL runs (pid ${running.pid})`
  const processes = await findServerProcesses(dataDir, basename(programs.path('postgres')))
  return processes.length === 0 ? null : `server processes still work on ${dataDir}`
}

/**
 * The control file goes first, under the mark of an unfinished copy: an agent killed half way leaves something in which
 * no server starts, and which the next one goes on removing. On an error of the file system the rest is set aside
 * instead.
 */
export async function removeDataDirectory(context: Context): Promise<StepOutcome> {
  const busy = await inUse(context)
  if (busy !== null) return failed(`the data directory is not removed: ${busy}`)
  try {
    await noteLinks(context, 'removed').catch(error => context.log('warning', errorText(error)))
    // On a full disk the mark cannot be written, but freeing space may be the purpose of the removal.
    await setMark(context, 'copy-unfinished', 'the data directory is being removed').catch(error =>
      context.log('warning', errorText(error)),
    )
    await rm(join(context.dataDir, 'global', 'pg_control'), { force: true })
    await removeContents(context)
    await rmdir(context.dataDir).catch(() => {})
    await unmark(context)
    await clearMark(context, 'copy-unfinished')
    return DONE
  } catch (error) {
    const why = `cannot remove ${context.dataDir}: ${errorText(error)}`
    // If it were renamed with the rest, the next copy would not find it.
    if (error instanceof MountPointWithin) return failed(why, error.remedy)
    context.log('error', why)
    const aside = await setDataDirectoryAside(context)
    return aside.ok ? DONE : failed(`${why}; ${aside.why}`)
  }
}

/** Leaves an empty directory of the right owner and mode, as initdb and pg_basebackup need it. */
export async function emptyDataDirectory(context: Context): Promise<StepOutcome> {
  const busy = await inUse(context)
  if (busy !== null) return failed(`the data directory is not emptied: ${busy}`)
  try {
    await removeContents(context)
    await prepareDataDirectory(context)
    await unmark(context)
    return DONE
  } catch (error) {
    const remedy = error instanceof MountPointWithin ? error.remedy : undefined
    return failed(`cannot empty ${context.dataDir}: ${errorText(error)}`, remedy)
  }
}

/** Removes the marks beside the directory: they no longer apply. */
async function unmark(context: Context): Promise<void> {
  await unmarkRewind(context)
  await unmarkBootstrap(context)
  await forgetOrigins(context)
}

/** Creates it when it is missing. Throws errors of the file system. */
export async function prepareDataDirectory(context: Context): Promise<void> {
  const { dataDir, programs } = context
  const created = await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (created !== undefined || (await readdir(dataDir)).length === 0)
    await chownToServerUser(dataDir, programs.runAs)
}

/**
 * Deletes everything in the directory (a symbolic link to it and a mount point stay), and PostgreSQL's files behind its
 * links, whose targets stay for the next data. `lost+found` belongs to the file system.
 */
async function removeContents(context: Context): Promise<void> {
  const { dataDir, log } = context
  const status = await lstat(dataDir).catch(() => null)
  if (status === null) return
  if (status.isFile()) return await unlink(dataDir)
  const { tablespaces, version, wal } = await readOutside(dataDir)
  const ofVersion = version ?? (await notedOutside(context)).version
  const passOver = (path: string) => (error: unknown) =>
    log('warning', `${path} belongs to ${dataDir} and cannot be emptied: ${errorText(error)}`)
  if (wal !== null) await emptyWal(wal).catch(passOver(wal))
  for (const path of Object.values(tablespaces)) await emptyTablespace(path, ofVersion).catch(passOver(path))
  await emptyDirectory(dataDir)
}

async function emptyDirectory(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (name !== 'lost+found') await removeEntry(join(path, name))
  }
}

async function removeEntry(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    throw errorCode(error) === 'EBUSY' ? new MountPointWithin(path) : error
  }
}

/** Emptied, but not to be removed; beside it initdb and pg_basebackup create nothing. */
class MountPointWithin extends Error {
  readonly remedy: string
  constructor(path: string) {
    super(`in it ${path} is, or holds, a mount point`)
    this.remedy = `unmount it; WAL may lie on a disk of its own by the option waldir of initdb and pg_basebackup`
  }
}

interface Link {
  readonly path: string
  readonly target: string
}

async function linksOf(dataDir: string): Promise<readonly Link[]> {
  const spaces = await readdir(join(dataDir, 'pg_tblspc')).catch(() => [])
  const paths = [
    join(dataDir, 'pg_wal'),
    ...spaces.filter(name => /^\d+$/.test(name)).map(name => join(dataDir, 'pg_tblspc', name)),
  ]
  const links = await Promise.all(paths.map(linkAt))
  return links.filter(link => link !== null)
}

async function linkAt(path: string): Promise<Link | null> {
  const written = await readlink(path).catch(() => null)
  if (written === null) return null
  const absolute = resolve(dirname(path), written)
  return { path, target: await realpath(absolute).catch(() => absolute) }
}

/**
 * Renames the remains of a failed attempt to `.failed`: the data directory and each target of its links. One such copy
 * is kept. A link to the data directory stays as it is, and the content of its target is moved.
 */
export async function setDataDirectoryAside(context: Context): Promise<StepOutcome> {
  const { dataDir } = context
  const busy = await inUse(context)
  if (busy !== null) return failed(`the data directory is not moved: ${busy}`)
  try {
    // Without the mark the cluster was finished, so content that cannot be moved stays.
    const isWorthless = (await findMarks(context)).includes('bootstrap-unfinished')
    const isLink = (await lstat(dataDir)).isSymbolicLink()
    const place = isLink ? await realpath(dataDir) : dataDir
    const links = await linksOf(dataDir)
    for (const path of [place, ...links.map(link => link.target)]) await removeFormerCopy(`${path}.failed`)
    for (const link of links) await setLinkAside(context, link, isWorthless)
    await moveOrEmpty(context, place, isWorthless, isLink ? moveContents : rename)
    await unmark(context)
    await clearMark(context, 'copy-unfinished')
    return DONE
  } catch (error) {
    return failed(`cannot set ${dataDir} aside: ${errorText(error)}`)
  }
}

/** Also deletes the targets of its links that were set aside with it: any other target may be in use by now. */
async function removeFormerCopy(path: string): Promise<void> {
  const status = await lstat(path).catch(() => null)
  if (status?.isDirectory() === true) {
    for (const { target } of await linksOf(path))
      if (target.endsWith('.failed')) await rm(target, { recursive: true, force: true })
  }
  await rm(path, { recursive: true, force: true })
}

/** The set-aside link points to the renamed target; a target that had to stay will be used again and gets no link. */
async function setLinkAside(context: Context, { path, target }: Link, isWorthless: boolean): Promise<void> {
  const isMoved = await moveOrEmpty(context, target, isWorthless, rename)
  await unlink(path)
  if (isMoved) await symlink(`${target}.failed`, path)
}

/** A mount point, or a directory in a folder that is not ours to write in. */
const IMMOVABLE = ['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS']

/**
 * True: `path` became `.failed`. False: it cannot be moved, and the remains of the broken-off bootstrap were deleted.
 */
async function moveOrEmpty(
  { log }: Context,
  path: string,
  isWorthless: boolean,
  move: (from: string, to: string) => Promise<void>,
): Promise<boolean> {
  try {
    await move(path, `${path}.failed`)
    log('warning', `${path} was moved to ${path}.failed`)
    return true
  } catch (error) {
    const immovable = IMMOVABLE.includes(errorCode(error) ?? '')
    if (!immovable || !isWorthless) throw error
    await emptyDirectory(path)
    log('warning', `${path} cannot be moved (${errorText(error)}): what the bootstrap left in it was removed`)
    return false
  }
}

/** The directory itself stays, and is empty. */
async function moveContents(from: string, to: string): Promise<void> {
  const { mode } = await stat(from)
  await mkdir(to, { mode: mode & 0o777 })
  try {
    for (const name of await readdir(from)) {
      if (name !== 'lost+found') await rename(join(from, name), join(to, name))
    }
  } catch (error) {
    await rmdir(to).catch(() => {})
    throw error
  }
}
