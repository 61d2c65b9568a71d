// Which server of this node ran last, and on which data. The state directory remembers it even without the data
// directory, so that the next agent looks for the same process and does not mistake other data in the same place for
// its own.

import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostmasterIdentity } from '../../model/server/postgres.ts'
import type { Places } from '../data/marks.ts'

/** Identifies a file or directory beyond its name: a replacement has another identity. */
interface FileIdentity {
  readonly device: string
  readonly inode: string
  /** null: the file system does not say. Numbers of inodes are used again. */
  readonly bornNs: string | null
}

/** The directory itself, and the control file, which is never replaced while the data is the same. */
interface DataIdentity {
  readonly directory: FileIdentity
  readonly control: FileIdentity | null
}

export interface LastServer {
  readonly bootId: string
  readonly postmaster: PostmasterIdentity
  readonly data: DataIdentity
}

/** null: there is none. Throws when we cannot look: a failing disk is not other data. */
export async function fileIdentity(path: string): Promise<FileIdentity | null> {
  const found = await stat(path, { bigint: true }).catch(absent)
  if (found === null) return null
  // If the kernel does not record when a file was made, this is the time of its last change.
  const isBorn = found.birthtimeNs > 0n && found.birthtimeNs !== found.ctimeNs
  return {
    device: String(found.dev),
    inode: String(found.ino),
    bornNs: isBorn ? String(found.birthtimeNs) : null,
  }
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}

/** Works through `/proc/<pid>/cwd` as well, which leads to a directory without a name. */
export async function dataIdentity(directory: string): Promise<DataIdentity | null> {
  const [own, control] = await Promise.all([
    fileIdentity(directory),
    fileIdentity(join(directory, 'global', 'pg_control')),
  ])
  return own === null ? null : { directory: own, control }
}

/** `sameBoot`: device numbers may change when the machine restarts. */
export function isSameFile(a: FileIdentity | null, b: FileIdentity | null, sameBoot: boolean): boolean {
  if (a === null || b === null) return a === b
  const sameBirth = a.bornNs === null || b.bornNs === null || a.bornNs === b.bornNs
  return a.inode === b.inode && sameBirth && (!sameBoot || a.device === b.device)
}

export function isSameData(a: DataIdentity, b: DataIdentity, sameBoot: boolean): boolean {
  return isSameFile(a.directory, b.directory, sameBoot) && isSameFile(a.control, b.control, sameBoot)
}

/** Remembers the last server in memory and, for the next agent, on disk. */
export class LastServerRecord {
  readonly #places: Places
  #last: LastServer | null = null
  #reading: Promise<void> | null = null

  constructor(places: Places) {
    this.#places = places
  }

  async last(): Promise<LastServer | null> {
    this.#reading ??= this.#read()
    await this.#reading
    return this.#last
  }

  /** Only of this boot: no process survives a restart of the machine. */
  async postmaster(): Promise<PostmasterIdentity | null> {
    const last = await this.last()
    return last !== null && last.bootId === (await readBootId()) ? last.postmaster : null
  }

  /** Throws when it cannot be written; this agent remembers it all the same. */
  async note(postmaster: PostmasterIdentity, data: DataIdentity): Promise<void> {
    await this.last()
    this.#last = { bootId: await readBootId(), postmaster, data }
    const { stateDirectory } = this.#places
    const path = recordPath(stateDirectory)
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
    await writeFile(`${path}.new`, `${JSON.stringify(this.#last)}\n`, { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
  }

  async #read(): Promise<void> {
    const text = await readFile(recordPath(this.#places.stateDirectory), 'utf8').catch(() => '')
    this.#last ??= parseLastServer(text)
  }
}

function recordPath(stateDirectory: string): string {
  return join(stateDirectory, 'last-server.json')
}

/** Null when the record is incomplete. */
function parseLastServer(text: string): LastServer | null {
  const found = objectOf(parseJson(text))
  const postmaster = objectOf(found?.postmaster)
  const data = objectOf(found?.data)
  const directory = fileOf(data?.directory)
  const { pid, startTicks } = postmaster ?? {}
  if (typeof found?.bootId !== 'string' || directory === null) return null
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null
  if (typeof startTicks !== 'string') return null
  return {
    bootId: found.bootId,
    postmaster: { pid, startTicks },
    data: { directory, control: fileOf(data?.control) },
  }
}

function fileOf(value: unknown): FileIdentity | null {
  const { device, inode, bornNs } = objectOf(value) ?? {}
  if (typeof device !== 'string' || typeof inode !== 'string') return null
  return { device, inode, bornNs: typeof bornNs === 'string' ? bornNs : null }
}

function objectOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}
