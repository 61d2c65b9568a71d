// A copy and a rewind replace this node's files by another node's. This node's own configuration files are kept in the
// state directory meanwhile and put back afterwards; if the agent dies on the way, the next start puts them back.

import { lstat, mkdir, open, readFile, readlink, rename, rm, symlink, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, errorText } from '../../model/error-text.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import type { Context } from '../context.ts'
import { chownToServerUser } from '../server/run-as.ts'
import { exists, readIfPresent, replaceFile } from '../settings/durable-file.ts'
import { type OwnPath, ownPaths } from '../settings/own-paths.ts'
import { placesOf } from '../settings/places.ts'
import { findMark } from './marks.ts'

interface KeptFile {
  /** Relative to the data directory. */
  readonly name: string
  readonly mode: number
  /** The target of a symbolic link; null: an ordinary file, whose text is kept beside the list. */
  readonly target: string | null
}

/** A larger file is not a configuration file. */
const BYTES_MAX = 4 * 1024 * 1024

/** Runs the work that overwrites the data directory between keeping the files and putting them back. */
export async function keepingOwnFiles<T extends StepOutcome>(
  context: Context,
  makesRoom: boolean,
  work: () => Promise<T>,
): Promise<T | StepOutcome> {
  const kept = await keepOwnFiles(context)
  // A full disk must not prevent a copy: it begins by deleting.
  if (!kept.ok && !(kept.full && makesRoom)) return kept
  if (!kept.ok) context.log('warning', kept.why)
  if (!makesRoom) await clearTheWay(context)
  const outcome = await work()
  await putBackOwnFiles(context)
  return outcome
}

/**
 * pg_rewind refuses a file that is a link on one side only, so the kept files are moved away meanwhile. The
 * configuration stays, because pg_rewind asks the server's program for restore_command.
 */
async function clearTheWay({ dataDir, log, ...context }: Context): Promise<void> {
  try {
    const list: readonly KeptFile[] = JSON.parse(await readFile(join(folderOf(context), 'list.json'), 'utf8'))
    const away = list.filter(({ name }) => !name.endsWith('.conf'))
    for (const { name } of away) await rm(join(dataDir, name), { force: true })
  } catch (error) {
    log('warning', `this node's own files stay in the way of pg_rewind: ${errorText(error)}`)
  }
}

type Kept = { readonly ok: true } | { readonly ok: false; readonly why: string; readonly full: boolean }

/** Does nothing without data of this node: an empty directory, or the beginning of a copy or of a cluster. */
async function keepOwnFiles(context: Context): Promise<Kept> {
  const { config, dataDir } = context
  const folder = folderOf(context)
  try {
    // Files that were kept and never put back count: those in the data directory now may be another node's.
    if (await exists(folder)) return { ok: true }
    if (!(await exists(join(dataDir, 'PG_VERSION')))) return { ok: true }
    for (const mark of ['copy-unfinished', 'bootstrap-unfinished'] as const)
      if ((await findMark(context, mark)) !== null) return { ok: true }
    const paths = await ownPaths(config, placesOf(config, context.programs.runAs))
    await rm(`${folder}.new`, { recursive: true, force: true })
    await mkdir(`${folder}.new`, { recursive: true, mode: 0o700 })
    const list: KeptFile[] = []
    for (const path of paths) {
      const entry = await keep(context, path, join(`${folder}.new`, String(list.length)))
      if (entry !== null) list.push(entry)
    }
    await writeDurably(join(`${folder}.new`, 'list.json'), JSON.stringify(list))
    await rename(`${folder}.new`, folder)
    return { ok: true }
  } catch (error) {
    const full = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')
    return { ok: false, why: `this node's own configuration files cannot be kept: ${errorText(error)}`, full }
  }
}

async function keep(context: Context, { name, path }: OwnPath, to: string): Promise<KeptFile | null> {
  const status = await lstat(path)
  if (status.isSymbolicLink()) return { name, mode: 0, target: await readlink(path) }
  if (!status.isFile() || status.size > BYTES_MAX) return null
  try {
    await writeDurably(to, await readFile(path))
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error
    context.log('warning', `${path} is this node's own and cannot be read: it will be lost with the copy`)
    return null
  }
  // PostgreSQL accepts a key that its group may read only if root owns it; the file that we put back is ours.
  const isOurs = status.uid === (context.programs.runAs?.uid ?? process.getuid?.())
  return { name, mode: status.mode & (isOurs ? 0o777 : 0o700), target: null }
}

/** Called after a copy, after a rewind, and before each start; does nothing while there is no data. */
export async function putBackOwnFiles(context: Context): Promise<void> {
  const folder = folderOf(context)
  const { dataDir, log } = context
  try {
    const text = await readIfPresent(join(folder, 'list.json'))
    if (text === null || !(await exists(join(dataDir, 'global', 'pg_control')))) return
    const changed: string[] = []
    const list: readonly KeptFile[] = JSON.parse(text.toString())
    for (const [index, file] of list.entries())
      if (await putBack(context, file, join(folder, String(index)))) changed.push(file.name)
    await rm(folder, { recursive: true, force: true })
    if (changed.length > 0) log('info', `this node's own files were put back: ${changed.join(', ')}`)
  } catch (error) {
    log('error', `this node's own files are not put back, they lie in ${folder}: ${errorText(error)}`)
  }
}

/** True when the file had been replaced or was missing. */
async function putBack({ dataDir, programs }: Context, file: KeptFile, from: string): Promise<boolean> {
  const path = join(dataDir, file.name)
  const { runAs } = programs
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  if (made !== undefined) await chownToServerUser(dirname(path), runAs)
  const now = await readlink(path).catch(() => null)
  if (file.target !== null) {
    if (now === file.target) return false
    await rm(path, { force: true })
    await symlink(file.target, path)
    return true
  }
  // We do not write through a link: it has the target that it had on the source.
  if (now !== null) await unlink(path)
  return await replaceFile(path, await readFile(from), { mode: file.mode, owner: runAs })
}

/** A new cluster begins with initdb's files: those kept from a former cluster are set aside, not put back. */
export async function forgetOwnFiles(context: Context): Promise<void> {
  const folder = folderOf(context)
  try {
    if (!(await exists(folder))) return
    await rm(`${folder}.former`, { recursive: true, force: true })
    await rename(folder, `${folder}.former`)
    context.log('warning', `own files of the data that was here before are kept in ${folder}.former`)
  } catch (error) {
    context.log('error', `own files of the data that was here before stay in ${folder}: ${errorText(error)}`)
  }
}

function folderOf({ stateDirectory }: Pick<Context, 'stateDirectory'>): string {
  return join(stateDirectory, 'own-files')
}

async function writeDurably(path: string, text: string | Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
