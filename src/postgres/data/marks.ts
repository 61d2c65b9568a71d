// Marks that say what was begun on the data directory and not finished. They are in the state directory: pg_rewind and
// a new copy would delete them in the data directory, and we may not be allowed to write in the folder around it.

import { access, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../model/error-text.ts'

export interface Places {
  readonly dataDir: string
  readonly stateDirectory: string
}

const MARKS = ['rewind-unfinished', 'copy-unfinished', 'bootstrap-unfinished'] as const
export type Mark = (typeof MARKS)[number]

/** Throws when it cannot be written: then the work that it guards must not begin. */
export async function setMark({ stateDirectory }: Places, mark: Mark, text: string): Promise<void> {
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
  await writeFile(join(stateDirectory, mark), `${text}\n`, { flush: true })
}

export async function clearMark(places: Places, mark: Mark): Promise<void> {
  for (const path of pathsOf(places, mark)) await rm(path, { force: true })
}

/** The path of the mark; null: there is none. Throws when we cannot look. */
export async function findMark(places: Places, mark: Mark): Promise<string | null> {
  for (const path of pathsOf(places, mark)) if (await isFile(path)) return path
  return null
}

/** All existing marks. Throws when we cannot look. */
export async function findMarks(places: Places): Promise<readonly Mark[]> {
  const paths = await Promise.all(MARKS.map(mark => findMark(places, mark)))
  return MARKS.filter((_, index) => paths[index] !== null)
}

async function isFile(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    // A state directory that is not a directory was never written to.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}

/** Also beside the data directory: the state directory may have been configured after the mark was made. */
function pathsOf({ dataDir, stateDirectory }: Places, mark: Mark): readonly string[] {
  return [...new Set([stateDirectory, `${dataDir}.hactl`])].map(folder => join(folder, mark))
}
