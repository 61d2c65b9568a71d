// One agent to a data directory and to a state directory, whatever the two are called. The lock is flock(2) on a file that
// only this user can open, so that no stranger can hold it. It ends with the process, however that ends, it holds across
// network namespaces and containers, and no file goes stale.

import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { printable } from '../model/command/printable.ts'
import { codeOrText, errorText } from '../model/error-text.ts'
import type { Millis } from '../model/units.ts'
import { whyUnsafe } from './private-directory.ts'

type Claim =
  | { readonly ok: true; readonly warnings: readonly string[]; release(): Promise<void> }
  /** `why` as a clause: the place, and what the other process says of itself. */
  | { readonly ok: false; readonly why: string }

type Lock =
  | { readonly is: 'locked'; readonly handle: FileHandle }
  | { readonly is: 'refused'; readonly why: string }
  /** A disk that takes nothing must not keep an agent from starting. */
  | { readonly is: 'impossible'; readonly why: string }

const LOCK_FILE = 'agent.lock'
const LOCK_LIMIT_MS: Millis = 10_000
/** How much of what the holder wrote about itself is told. */
const INTRODUCTION_BYTES = 200

/** A handle that nobody refers to would be closed, and the lock with it. */
const held = new Set<FileHandle>()

/**
 * Claims both directories, which need not exist yet, until the process ends. Creates the state directory.
 * `introduction` is told to whoever comes second. Refuses too where others could change what is in the state directory;
 * where a lock is impossible, a warning says that another agent is not noticed.
 */
export async function claimDirectories(
  dataDir: string,
  stateDirectory: string,
  introduction: string,
): Promise<Claim> {
  const [data, state] = await Promise.all([trueName(dataDir), trueName(stateDirectory)])
  // The lock of the data directory is where its state directory usually is: whoever has another one looks there too.
  const usual = `${data}.hactl`
  const taken: FileHandle[] = []
  const warnings: string[] = []
  const release = async (): Promise<void> => {
    for (const handle of taken) held.delete(handle)
    await Promise.all(taken.splice(0).map(handle => handle.close()))
  }
  const refusal = (lock: Lock, place: string): string | null => {
    if (lock.is === 'refused') return lock.why
    if (lock.is === 'impossible')
      warnings.push(`${place} cannot be locked, and another agent on it would not be noticed: ${lock.why}`)
    else {
      taken.push(lock.handle)
      held.add(lock.handle)
    }
    return null
  }
  const ofState = await lockIn(stateDirectory, state === usual ? data : state, introduction, 'refused')
  const ofUsual = state === usual ? ofState : null
  let why = ofUsual === null ? refusal(ofState, state) : null
  if (why === null) why = refusal(await lockData(data, usual, introduction, ofUsual), data)
  if (why === null) return { ok: true, warnings, release }
  await release()
  return { ok: false, why }
}

/**
 * The lock beside the data directory, because the programs of PostgreSQL want that empty. Where nothing may be created
 * beside it, nobody can put another directory in its place either, so that it can be locked itself.
 */
async function lockData(
  data: string,
  usual: string,
  introduction: string,
  known: Lock | null,
): Promise<Lock> {
  const beside = known ?? (await lockIn(usual, data, introduction, 'impossible'))
  if (beside.is !== 'impossible') return beside
  const { O_RDONLY, O_DIRECTORY } = constants
  const handle = await open(data, O_RDONLY | O_DIRECTORY).catch(codeOrText)
  if (typeof handle === 'string') return beside
  return lock(handle, data, async () => 'a process that has locked the directory itself')
}

/** Locks the file in `folder`, which is created if need be. `unsafe`: what it is if others may write there. */
async function lockIn(
  folder: string,
  place: string,
  introduction: string,
  unsafe: 'refused' | 'impossible',
): Promise<Lock> {
  const path = join(folder, LOCK_FILE)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const why = await whyUnsafe(folder)
    if (why !== null) return { is: unsafe, why }
    const handle = await openLock(path)
    const locked = await lock(handle, place, () => introductionIn(path))
    // For people: the lock is one without it, on a full disk or in a file that can only be read.
    if (locked.is === 'locked')
      await handle.truncate(0).then(() => handle.write(`${introduction}\n`, 0), codeOrText)
    return locked
  } catch (error) {
    return { is: 'impossible', why: errorText(error) }
  }
}

/** On a disk that takes nothing, a file that is there can be locked all the same. */
async function openLock(path: string): Promise<FileHandle> {
  const { O_CREAT, O_RDWR, O_RDONLY, O_NOFOLLOW } = constants
  try {
    return await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
  } catch (error) {
    const readable = await open(path, O_RDONLY | O_NOFOLLOW).catch(() => null)
    if (readable === null) throw error
    return readable
  }
}

async function lock(handle: FileHandle, place: string, holder: () => Promise<string>): Promise<Lock> {
  const why = await flock(handle.fd)
  if (why === null) return { is: 'locked', handle }
  await handle.close()
  if (why !== HELD) return { is: 'impossible', why }
  return { is: 'refused', why: `another agent works on ${place} (${await holder()})` }
}

const HELD = 'held'

/**
 * Node has no flock(2). util-linux's program takes the lock on the open file that it gets from us, and ends: the lock
 * belongs to the open file, which only we have then. Programs that we start later do not inherit it. null: locked.
 */
function flock(descriptor: number): Promise<string | null> {
  return new Promise(resolve => {
    const stdio = ['ignore', 'ignore', 'ignore', descriptor] as const
    const child = spawn('flock', ['-n', '3'], {
      cwd: '/',
      stdio: [...stdio],
      timeout: LOCK_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    child.once('error', error => resolve(`flock (of util-linux) cannot be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(null)
      else resolve(code === 1 ? HELD : `flock ended with ${signal ?? `exit code ${code}`}`)
    })
  })
}

/** What the holder wrote into its file: one line, bounded. */
async function introductionIn(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(INTRODUCTION_BYTES), 0, INTRODUCTION_BYTES, 0)
    return printable(buffer.toString('utf8', 0, bytesRead).trim()) || 'it has not said who it is'
  } finally {
    await file.close()
  }
}

/** The same directory reached by another path is the same directory. */
async function trueName(directory: string): Promise<string> {
  const path = resolve(directory)
  const found = await realpath(path).catch(() => null)
  if (found !== null || path === dirname(path)) return found ?? path
  return join(await trueName(dirname(path)), basename(path))
}
