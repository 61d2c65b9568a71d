// Copies of the configuration files inside the data directory, so that a base backup takes them along: tools skip
// symbolic links, and files outside the data directory altogether.

import { join } from 'node:path'
import { exists, readIfPresent, replaceFile } from './durable-file.ts'
import type { Places } from './places.ts'

/** Names relative to the configuration directory. */
export async function backUpFiles(places: Places, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const text = await readIfPresent(join(places.configDir, name))
    if (text !== null)
      await replaceFile(backupOf(places, name), text, await places.optionsFor(places.dataDir))
  }
}

/** Brings back what is missing. Returns the names that it brought. */
export async function restoreFiles(places: Places, names: readonly string[]): Promise<readonly string[]> {
  const restored: string[] = []
  for (const name of names) if (await restoreFile(places, name)) restored.push(name)
  return restored
}

/** False: it is there, or there is no copy. */
export async function restoreFile(places: Places, name: string): Promise<boolean> {
  const target = join(places.configDir, name)
  if (await exists(target)) return false
  const text = await readIfPresent(backupOf(places, name))
  if (text === null) return false
  return await replaceFile(target, text, await places.optionsFor(target))
}

function backupOf(places: Places, name: string): string {
  return join(places.dataDir, `${name}.backup`)
}
