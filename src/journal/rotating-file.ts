// A file that lines are appended to, moved aside as `name.1`, `name.2`, … when it would grow beyond its limit.

import { type FileHandle, open, rename } from 'node:fs/promises'
import { errorCode } from '../model/error-text.ts'
import type { LineSink } from './bounded-writer.ts'

interface RotationOptions {
  readonly path: string
  /** 0: never rotated. */
  readonly maxBytes: number
  /** Old files that are kept beside the current one; 0: never rotated. */
  readonly backups: number
  /** Permissions set on the file; null: 0666 less the umask. */
  readonly mode: number | null
}

export class RotatingFile implements LineSink {
  readonly #options: RotationOptions
  #handle: FileHandle | null = null
  #size = 0
  /** The last line of the file has no end: a crash, or a disk that was full. */
  #torn: boolean = false

  constructor(options: RotationOptions) {
    this.#options = options
  }

  async write(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    let handle = this.#handle ?? (await this.#open())
    if (this.#size > 0 && this.#mustRotate(bytes.length)) handle = await this.#rotate()
    await this.#append(handle, this.#torn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes)
    this.#torn = false
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = null
    await handle?.close()
  }

  #mustRotate(bytes: number): boolean {
    const { maxBytes, backups } = this.#options
    return maxBytes > 0 && backups > 0 && this.#size + bytes > maxBytes
  }

  /** All or nothing: the part that fitted on a full disk is cut off again. */
  async #append(handle: FileHandle, bytes: Buffer): Promise<void> {
    let written = 0
    try {
      while (written < bytes.length) written += (await handle.write(bytes, written)).bytesWritten
    } catch (error) {
      if (written > 0) await handle.truncate(this.#size).catch(() => this.#keepTorn(written))
      throw error
    }
    this.#size += bytes.length
  }

  #keepTorn(written: number): void {
    this.#size += written
    this.#torn = true
  }

  async #open(): Promise<FileHandle> {
    const { path, mode } = this.#options
    const handle = await open(path, 'a+', mode ?? 0o666)
    try {
      if (mode !== null) await handle.chmod(mode)
      this.#size = (await handle.stat()).size
      this.#torn = this.#size > 0 && !(await endsWithNewline(handle, this.#size))
    } catch (error) {
      await handle.close()
      throw error
    }
    this.#handle = handle
    return handle
  }

  async #rotate(): Promise<FileHandle> {
    const { path, backups } = this.#options
    await this.close()
    for (let number = backups - 1; number >= 1; number--)
      await renameIfThere(`${path}.${number}`, `${path}.${number + 1}`)
    await renameIfThere(path, `${path}.1`)
    return this.#open()
  }
}

async function endsWithNewline(handle: FileHandle, size: number): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead === 1 && buffer[0] === 0x0a
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
