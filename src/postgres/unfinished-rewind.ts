// A rewind that was killed half way leaves a mixture of two histories that looks like a clean data directory. A mark
// beside the data directory (pg_rewind would delete one inside) says so until the rewind or a new copy succeeded.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isThere } from './archive-ready.ts'
import type { Context } from './context.ts'

function pathOf(context: Context): string {
  return join(`${context.dataDir}.hactl`, 'rewind-unfinished')
}

/** Throws when it cannot be written: then there must be no rewind. */
export async function markRewind(context: Context): Promise<void> {
  await mkdir(`${context.dataDir}.hactl`, { recursive: true, mode: 0o700 })
  await writeFile(pathOf(context), 'pg_rewind began to change the data directory and did not finish\n', {
    flush: true,
  })
}

export async function unmarkRewind(context: Context): Promise<void> {
  await rm(pathOf(context), { force: true })
}

/** Why the data directory cannot be trusted; null: no rewind was broken off. */
export async function unfinishedRewind(context: Context): Promise<string | null> {
  const path = pathOf(context)
  return (await isThere(path))
    ? `a rewind was broken off, the data directory needs a new copy (${path})`
    : null
}
