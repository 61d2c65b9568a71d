// Whether a directory is ours alone: what an agent notes there must be changed by nobody else, and what it locks there
// must be held by nobody else.

import { lstat, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode } from '../model/error-text.ts'

const WRITABLE_FOR_GROUP = 0o020
const WRITABLE_FOR_ALL = 0o002
const STICKY = 0o1000

/**
 * Why others could change what is in `directory`, as a clause; null: nobody can but root. One that is still to be made is
 * judged by what is above it. Throws when it cannot be looked at.
 */
export async function whyUnsafe(directory: string): Promise<string | null> {
  const link = await lstat(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
  if (link === null) return aboveIt(await futurePath(directory))
  const real = await realpath(directory)
  if (link.isSymbolicLink() && !isOurs(link.uid))
    return `${directory} is a link of the user with id ${link.uid}`
  const status = await stat(real)
  if (!status.isDirectory()) return `${directory} is not a directory`
  if (!isOurs(status.uid))
    return `${directory} belongs to the user with id ${status.uid}, not to this one (${process.geteuid?.()}): give it to this user, or remove it`
  if ((status.mode & (WRITABLE_FOR_GROUP | WRITABLE_FOR_ALL)) !== 0)
    return `${directory} may be written by others (mode ${octal(status.mode)}): chmod 0700 ${directory}`
  return aboveIt(real)
}

/** Whether everybody may put files there, and exchange those of others; what is in the way of a look counts as no. */
export async function isOpenToAll(directory: string): Promise<boolean> {
  const mode = await stat(directory).then(
    status => status.mode,
    () => 0,
  )
  return (mode & WRITABLE_FOR_ALL) !== 0 && (mode & STICKY) === 0
}

/** Where it will be, as far as its parents are there. */
async function futurePath(directory: string): Promise<string> {
  const path = resolve(directory)
  const parent = dirname(path)
  const real = await realpath(parent).catch(() => null)
  return join(real ?? (await futurePath(parent)), basename(path))
}

/** Whoever may rename a directory above it puts another one in its place. */
async function aboveIt(directory: string): Promise<string | null> {
  for (let path = directory; path !== '/'; ) {
    path = dirname(path)
    if (await isOpenToAll(path))
      return `${path}, above ${directory}, may be written by everybody: chmod o-w ${path}`
  }
  return null
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.()
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
