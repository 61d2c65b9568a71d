// The target of a rewind: files and directories that it may not write, tablespaces without a place, disks that are too
// full. File modes that we may change are changed while it runs.

import { access, chmod, constants, readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { Context } from '../context.ts'
import type { RunAs } from '../server/run-as.ts'
import { isPassedOver } from './rewind-files.ts'
import type { SourceFile } from './rewind-source.ts'

/** How many files are checked together. */
const AT_ONCE = 64

export interface Spoiler {
  readonly why: string
  readonly remedy: string
}

interface LocalFile {
  readonly path: string
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

interface Target {
  readonly spoiler: Spoiler | null
  /** Paths that may not be written, but whose mode we may change. */
  readonly locked: readonly LocalFile[]
}

export async function inspectTarget(context: Context, source: readonly SourceFile[]): Promise<Target> {
  const touched = source.filter(({ path }) => !isPassedOver(path))
  const locked: LocalFile[] = []
  const growth = new Map<string, number>()
  for (let at = 0; at < touched.length; at += AT_ONCE) {
    const found = await Promise.all(touched.slice(at, at + AT_ONCE).map(file => inspect(context, file)))
    for (const { file, local, spoiler, isLocked } of found) {
      if (spoiler !== null) return { spoiler, locked }
      if (isLocked && local !== null) locked.push(local)
      const more = file.isDirectory ? 0 : file.size - (local?.size ?? 0)
      if (more > 0) growth.set(rootOf(file.path), (growth.get(rootOf(file.path)) ?? 0) + more)
    }
  }
  return { spoiler: await tooFull(context, growth), locked }
}

async function inspect(context: Context, file: SourceFile) {
  const local = await look(context, file.path)
  const place = local === null && file.location !== null ? await missingPlace(file.location) : null
  if (local === null || (await mayWrite(context, local)))
    return { file, local, spoiler: place, isLocked: false }
  const isLocked = isOurs(context, local)
  return { file, local, spoiler: isLocked ? null : unwritable(context, local.path), isLocked }
}

/** Files that are protected only by their owner's write bit; it is restored however the work ends. */
export async function withLiftedModes<T>(
  context: Context,
  locked: readonly LocalFile[],
  work: () => Promise<T>,
  refuse: (spoiler: Spoiler) => T,
): Promise<T> {
  const { dataDir, log } = context
  const lifted: LocalFile[] = []
  try {
    for (const file of locked) {
      try {
        await chmod(join(dataDir, file.path), file.mode | 0o200)
      } catch {
        return refuse(unwritable(context, file.path))
      }
      lifted.push(file)
    }
    return await work()
  } finally {
    for (const { path, mode } of lifted)
      await chmod(join(dataDir, path), mode).catch((error: NodeJS.ErrnoException) => {
        // pg_rewind removed files that the source does not have.
        if (error.code !== 'ENOENT') log('warning', `mode of ${path} not put back: ${errorText(error)}`)
      })
  }
}

function unwritable({ dataDir }: Context, path: string): Spoiler {
  return {
    why: `${join(dataDir, path)} may not be written by the user that PostgreSQL runs as`,
    remedy: 'give that file to this user, or let it write there',
  }
}

/** null: not there. */
async function look({ dataDir }: Context, path: string): Promise<LocalFile | null> {
  const found = await stat(join(dataDir, path)).catch(() => null)
  if (found === null) return null
  return { path, size: found.size, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid }
}

async function mayWrite({ dataDir, programs }: Context, file: LocalFile): Promise<boolean> {
  const { runAs } = programs
  // Root may write everywhere, but PostgreSQL runs as another user.
  if (runAs !== null) return (file.mode & writeBit(file, runAs)) !== 0
  return await access(join(dataDir, file.path), constants.W_OK).then(
    () => true,
    () => false,
  )
}

function writeBit(file: LocalFile, user: RunAs): number {
  if (file.uid === user.uid) return 0o200
  return file.gid === user.gid ? 0o020 : 0o002
}

function isOurs({ programs }: Context, { mode, uid }: LocalFile): boolean {
  return (mode & 0o200) === 0 && uid === (programs.runAs?.uid ?? process.getuid?.())
}

/** pg_rewind makes the link to a tablespace that is new on the source, and expects a directory there. */
async function missingPlace(path: string): Promise<Spoiler | null> {
  const names = await readdir(path).catch(() => null)
  if (names !== null) return null
  return {
    why: `the leader has a tablespace in ${path}, which is not a directory here`,
    remedy: `create the directory ${path}, owned by the user that PostgreSQL runs as`,
  }
}

/** pg_wal and each tablespace may lie on a disk of their own. */
function rootOf(path: string): string {
  return /^(?:pg_wal|pg_tblspc\/\d+)(?=\/)/.exec(path)?.[0] ?? '.'
}

/** pg_rewind makes what is new before it removes what is old. */
async function tooFull({ dataDir }: Context, growth: ReadonlyMap<string, number>): Promise<Spoiler | null> {
  const needs = new Map<number, { path: string; bytes: number; free: number }>()
  for (const [root, bytes] of growth) {
    const path = join(dataDir, root)
    const [at, disk] = await Promise.all([stat(path).catch(() => null), statfs(path).catch(() => null)])
    if (at === null || disk === null) continue
    const before = needs.get(at.dev)?.bytes ?? 0
    needs.set(at.dev, { path, bytes: before + bytes, free: disk.bavail * disk.bsize })
  }
  const full = [...needs.values()].find(({ bytes, free }) => bytes > free)
  if (full === undefined) return null
  return {
    why:
      `the file system of ${full.path} has ${megabytes(full.free)} free, and the rewind needs up to ` +
      `${megabytes(full.bytes)}`,
    remedy: 'free that much space',
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MB`
}
