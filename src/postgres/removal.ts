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
  symlink,
  unlink,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { StepOutcome } from '../ports/postgres.ts'
import { type Context, DONE, failed, messageOf } from './context.ts'
import { endOrphanedPrograms } from './leftovers.ts'
import { findServerProcesses } from './postmaster.ts'
import { chownToServerUser } from './run-as.ts'
import { unmarkBootstrap } from './unfinished-bootstrap.ts'
import { unmarkRewind } from './unfinished-rewind.ts'

/** Why nothing may be deleted now; null: nobody works on the data directory. */
async function inUse(context: Context): Promise<string | null> {
  const { dataDir, programs, watch } = context
  const running = await watch.find()
  if (running === null) await endOrphanedPrograms(context)
  else return `PostgreSQL runs (pid ${running.pid})`
  const processes = await findServerProcesses(dataDir, basename(programs.path('postgres')))
  return processes.length === 0 ? null : `server processes still work on ${dataDir}`
}

/** On an error of the file system the directory is set aside instead. */
export async function removeDataDirectory(context: Context): Promise<StepOutcome> {
  const busy = await inUse(context)
  if (busy !== null) return failed(`the data directory is not removed: ${busy}`)
  try {
    await removeContents(context.dataDir)
    await rmdir(context.dataDir).catch(() => {})
    await unmark(context)
    return DONE
  } catch (error) {
    context.log('error', `cannot remove ${context.dataDir}: ${messageOf(error)}`)
    return await setDataDirectoryAside(context)
  }
}

/** Leaves an empty directory of the right owner and mode: what initdb and pg_basebackup start from. */
export async function emptyDataDirectory(context: Context): Promise<StepOutcome> {
  const busy = await inUse(context)
  if (busy !== null) return failed(`the data directory is not emptied: ${busy}`)
  try {
    await removeContents(context.dataDir)
    await prepareDataDirectory(context)
    await unmark(context)
    return DONE
  } catch (error) {
    return failed(`cannot empty ${context.dataDir}: ${messageOf(error)}`)
  }
}

/** What the marks beside the directory said of it is over. */
async function unmark(context: Context): Promise<void> {
  await unmarkRewind(context)
  await unmarkBootstrap(context)
}

/** Creates it when it is missing. Throws errors of the file system. */
export async function prepareDataDirectory(context: Context): Promise<void> {
  const { dataDir, programs } = context
  const created = await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (created !== undefined || (await readdir(dataDir)).length === 0)
    await chownToServerUser(dataDir, programs.runAs)
}

/**
 * Everything in the directory (a symbolic link to it and a mount point stay) and behind its links. Tablespaces that
 * cannot be removed are passed over; `lost+found` belongs to the file system.
 */
async function removeContents(dataDir: string): Promise<void> {
  const status = await lstat(dataDir).catch(() => null)
  if (status === null) return
  if (status.isFile()) return await unlink(dataDir)
  for (const link of await linksOf(dataDir)) {
    await emptyDirectory(link.target).catch(() => {})
    await rmdir(link.target).catch(() => {})
  }
  await emptyDirectory(dataDir)
}

async function emptyDirectory(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (name !== 'lost+found') await rm(join(path, name), { recursive: true, force: true })
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

/** One `.failed` copy is kept: an older one is deleted first. The links inside lead to the renamed targets. */
export async function setDataDirectoryAside(context: Context): Promise<StepOutcome> {
  const { dataDir } = context
  const busy = await inUse(context)
  if (busy !== null) return failed(`the data directory is not moved: ${busy}`)
  try {
    const links = await linksOf(dataDir)
    // The older copy goes first and whole: its links lead to where the new one's targets will be.
    const places = [dataDir, ...links.map(link => link.target)]
    for (const place of places) await removeContents(`${place}.failed`)
    for (const place of places) await rm(`${place}.failed`, { recursive: true, force: true })
    for (const link of links) {
      await rename(link.target, `${link.target}.failed`)
      await unlink(link.path)
      await symlink(`${link.target}.failed`, link.path)
    }
    await rename(dataDir, `${dataDir}.failed`)
    await unmark(context)
    context.log('warning', `${dataDir} was renamed to ${dataDir}.failed`)
    return DONE
  } catch (error) {
    return failed(`cannot set ${dataDir} aside: ${messageOf(error)}`)
  }
}
