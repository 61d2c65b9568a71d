// Bytes of the WAL that lies in this node's own pg_wal.

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Timeline } from '../../model/units.ts'
import type { WalPart } from './sent-wal.ts'

const SEGMENT = /^[0-9A-F]{24}$/

/** Null: not all of it is here. */
export async function readLocalWal(dataDir: string, part: WalPart): Promise<Buffer | null> {
  const size = await segmentSize(dataDir).catch(() => null)
  if (size === null) return null
  const pieces: Buffer[] = []
  let at = part.from
  const end = part.from + BigInt(part.length)
  while (at < end) {
    const within = at % size
    const length = end - at < size - within ? end - at : size - within
    const path = join(dataDir, 'pg_wal', segmentName(part.timeline, at / size, size))
    const piece = await readPiece(path, Number(within), Number(length))
    if (piece === null) return null
    pieces.push(piece)
    at += length
  }
  return Buffer.concat(pieces)
}

/**
 * Of the files that are here, in no order; a timeline begins with a copy of the file in which it left the one before.
 */
export async function localTimelines(dataDir: string): Promise<readonly Timeline[]> {
  const names = await readdir(join(dataDir, 'pg_wal'))
  const found = names.filter(name => SEGMENT.test(name)).map(name => Number.parseInt(name.slice(0, 8), 16))
  return [...new Set(found)]
}

/** Chosen when the cluster was made; every segment file has it from the start. */
async function segmentSize(dataDir: string): Promise<bigint | null> {
  const names = await readdir(join(dataDir, 'pg_wal'))
  const segment = names.find(name => SEGMENT.test(name))
  if (segment === undefined) return null
  const { size } = await stat(join(dataDir, 'pg_wal', segment), { bigint: true })
  return size >= 1n << 20n && (size & (size - 1n)) === 0n ? size : null
}

function segmentName(timeline: Timeline, number: bigint, size: bigint): string {
  const perFile = (1n << 32n) / size
  return [BigInt(timeline), number / perFile, number % perFile].map(eightDigits).join('')
}

function eightDigits(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}

async function readPiece(path: string, from: number, length: number): Promise<Buffer | null> {
  const file = await open(path, 'r').catch(() => null)
  if (file === null) return null
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from)
    return bytesRead === length ? buffer : null
  } catch {
    return null
  } finally {
    await file.close()
  }
}
