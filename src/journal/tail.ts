// Reads the last lines of a rotated file from its end, so that asking for ten lines does not read megabytes.

import { type FileHandle, open } from 'node:fs/promises'
import { errorCode } from '../model/error-text.ts'

const CHUNK_BYTES = 262_144

/** The last whole lines of `path`, `path.1`, … `path.<backups>`, oldest first. Missing files are empty. */
export async function lastLines(path: string, backups: number, count: number): Promise<readonly string[]> {
  let lines: readonly string[] = []
  for (let number = 0; number <= backups && lines.length < count; number++) {
    const older = await lastLinesOf(number === 0 ? path : `${path}.${number}`, count - lines.length)
    lines = [...older, ...lines]
  }
  return lines
}

async function lastLinesOf(path: string, count: number): Promise<readonly string[]> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
  try {
    return await readBackwards(handle, (await handle.stat()).size, count)
  } finally {
    await handle.close()
  }
}

async function readBackwards(handle: FileHandle, size: number, count: number): Promise<readonly string[]> {
  const chunks: Buffer[] = []
  let from = size
  let newlines = 0
  // One line more than wanted, to see where the first one begins.
  while (from > 0 && newlines <= count) {
    const length = Math.min(CHUNK_BYTES, from)
    from -= length
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from)
    const chunk = buffer.subarray(0, bytesRead)
    chunks.unshift(chunk)
    for (const byte of chunk) if (byte === 0x0a) newlines += 1
  }
  const lines = Buffer.concat(chunks).toString('utf8').split('\n')
  // The last piece is empty or a torn line; the first one is a fragment unless the file begins there.
  return lines.slice(from > 0 ? 1 : 0, -1).slice(-count)
}
