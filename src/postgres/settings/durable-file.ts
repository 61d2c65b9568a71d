// Replacing a file so that a reader, a crash or a full disk sees the old text or the new one, never half of it:
// a temporary file in the same directory, fsync, rename, fsync of the directory.

import { randomBytes } from 'node:crypto'
import { constants, lstat, mkdir, open, readFile, readlink, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode } from '../../model/error-text.ts'

export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

type SettingsFailure = 'refused' | 'disk-full' | 'inaccessible'

/** An expected failure of writing settings. The message names the path and the cause, never a secret. */
export class SettingsError extends Error {
  readonly reason: SettingsFailure
  constructor(reason: SettingsFailure, message: string) {
    super(message)
    this.name = 'SettingsError'
    this.reason = reason
  }
}

export interface ReplaceOptions {
  /** null: keep the mode of the file that is there, else 0666 without the process's umask bits. */
  readonly mode: number | null
  /** Owner of a file that is not there yet; an existing file keeps its own. null: whoever we are. */
  readonly owner: FileOwner | null
}

/** True when the file changed: the same text and mode are left alone, with their modification time. */
export async function replaceFile(
  path: string,
  text: string | Buffer,
  options: ReplaceOptions,
): Promise<boolean> {
  try {
    const target = await followLink(path)
    const existing = await statOf(target)
    if (existing !== null && !existing.isFile()) {
      throw new SettingsError('refused', `${path} exists and is not a regular file`)
    }
    const mode = options.mode ?? (existing === null ? 0o666 & ~process.umask() : existing.mode & 0o777)
    if (
      existing !== null &&
      (existing.mode & 0o777) === mode &&
      (await readFile(target)).equals(Buffer.from(text))
    )
      return false
    await writeBeside(target, text, mode, ownerOf(existing, options.owner))
    return true
  } catch (error) {
    throw asSettingsError(error, `cannot write ${path}`)
  }
}

/** Gives a file that root wrote by mistake to the user that PostgreSQL runs as, who could not read it. */
function ownerOf(existing: FileOwner | null, wanted: FileOwner | null): FileOwner | null {
  const ourOwn = existing?.uid === process.getuid?.()
  return existing === null || (ourOwn && wanted !== null) ? wanted : existing
}

async function writeBeside(
  target: string,
  text: string | Buffer,
  mode: number,
  owner: FileOwner | null,
): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  try {
    const file = await open(temporary, flags, 0o600)
    try {
      // Owner and mode are set first, so that others can never read a secret.
      if (owner !== null) await file.chown(owner.uid, owner.gid).catch(ignoreNotPermitted)
      await file.chmod(mode)
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncDirectory(dirname(target))
}

/** Only root may give files away; for everyone else the directory decides, as for any editor. */
function ignoreNotPermitted(error: unknown): void {
  if (errorCode(error) !== 'EPERM') throw error
}

/**
 * Configuration files may be symbolic links (Debian, configuration management): the target is rewritten then.
 * A link that root did not make is not followed by root: it could point anywhere.
 */
async function followLink(path: string): Promise<string> {
  const link = await lstat(path).catch(nullWhenMissing)
  if (link === null || !link.isSymbolicLink()) return path
  if (process.getuid?.() === 0 && link.uid !== 0) return path
  return await realpath(path).catch(async error => {
    if (errorCode(error) !== 'ENOENT') throw error
    return resolve(dirname(path), await readlink(path))
  })
}

async function statOf(path: string) {
  const found = await lstat(path).catch(nullWhenMissing)
  // A link that was not followed above is replaced, whatever it points to.
  return found?.isSymbolicLink() ? null : found
}

export async function readIfPresent(path: string): Promise<Buffer | null> {
  return await readFile(path).catch(nullWhenMissing)
}

export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(nullWhenMissing)) !== null
}

/** True when the file existed. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw asSettingsError(error, `cannot remove ${path}`)
  }
  await syncDirectory(dirname(path))
  return true
}

export async function renameFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
    await syncDirectory(dirname(to))
  } catch (error) {
    throw asSettingsError(error, `cannot rename ${from} to ${to}`)
  }
}

/** Creates it (and its parents) when missing; throws SettingsError when we cannot write there. */
export async function requireDirectory(path: string, mode: number, owner: FileOwner | null): Promise<void> {
  try {
    const created = await mkdir(path, { recursive: true, mode })
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      if (created !== undefined && owner !== null) await directory.chown(owner.uid, owner.gid)
    } finally {
      await directory.close()
    }
    const probe = join(path, `.hactl.${randomBytes(6).toString('hex')}.tmp`)
    await (await open(probe, 'wx', 0o600)).close()
    await unlink(probe)
  } catch (error) {
    throw asSettingsError(error, `cannot use directory ${path}`)
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

export function nullWhenMissing(error: unknown): null {
  if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
  throw error
}

export function asSettingsError(error: unknown, doing: string): unknown {
  if (error instanceof SettingsError) return error
  const code = errorCode(error)
  if (code === null) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SettingsError(
      'disk-full',
      `${doing}: no space left on the device (${code}), the old file is kept`,
    )
  }
  return new SettingsError('inaccessible', `${doing}: ${code}`)
}
