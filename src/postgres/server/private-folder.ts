// Passwords for a PostgreSQL program go into a file that exists only while it runs. The file is in the state directory,
// where the next start finds what a killed agent left behind.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { chownToServerUser, type RunAs } from './run-as.ts'

/** An empty folder that only we, and whoever PostgreSQL runs as, can enter; gone when `task` is over. */
export async function withPrivateFolder<T>(
  stateDirectory: string,
  runAs: RunAs | null,
  task: (folder: string) => Promise<T>,
): Promise<T> {
  for (const path of [stateDirectory, privateFolders(stateDirectory)]) {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await chownToServerUser(path, runAs)
  }
  const folder = await mkdtemp(join(privateFolders(stateDirectory), 'for-'))
  try {
    await chownToServerUser(folder, runAs)
    return await task(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Called at a start, when nobody uses an earlier agent's files any more. */
export async function removePrivateFolders(stateDirectory: string): Promise<void> {
  await rm(privateFolders(stateDirectory), { recursive: true, force: true })
}

function privateFolders(stateDirectory: string): string {
  return join(stateDirectory, 'passwords')
}
