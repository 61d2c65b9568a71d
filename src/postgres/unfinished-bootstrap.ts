// A bootstrap whose agent was killed half way leaves a data directory that looks like a primary's: perhaps half of
// initdb's work, perhaps all of it without the roles that the others need. A mark beside it says so until all is done.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isThere } from './archive-ready.ts'

function pathOf(dataDir: string): string {
  return join(`${dataDir}.hactl`, 'bootstrap-unfinished')
}

/** Throws when it cannot be written: then there must be no bootstrap. */
export async function markBootstrap(dataDir: string): Promise<void> {
  await mkdir(`${dataDir}.hactl`, { recursive: true, mode: 0o700 })
  await writeFile(pathOf(dataDir), 'the creation of a new cluster began and did not finish\n', {
    flush: true,
  })
}

export async function unmarkBootstrap(dataDir: string): Promise<void> {
  await rm(pathOf(dataDir), { force: true })
}

export function isUnfinishedBootstrap(dataDir: string): Promise<boolean> {
  return isThere(pathOf(dataDir))
}
