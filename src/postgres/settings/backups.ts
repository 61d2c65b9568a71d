// Copies of the configuration files inside the data directory, so that a base backup takes them along: tools skip
// symbolic links, and files outside the data directory altogether.

import { join } from 'node:path'
import { exists, readIfPresent, replaceFile } from './durable-file.ts'
import { isGenerated } from './file-text.ts'
import type { Places } from './places.ts'

/** Names relative to the configuration directory. */
export async function backUpFiles(places: Places, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const text = await readIfPresent(join(places.configDir, name))
    if (text !== null)
      await replaceFile(backupOf(places, name), text, await places.optionsFor(places.dataDir))
  }
}

/**
 * Restores missing files and returns their names. After a copy they are the source's: if the node has a postgresql.conf
 * of its own, that is the base, and not the source's.
 */
export async function restoreFiles(places: Places, names: readonly string[]): Promise<readonly string[]> {
  const restored: string[] = []
  const hasOwn = (await ownConf(places)) !== null
  const wanted = names.filter(name => name !== places.baseName || !hasOwn)
  for (const name of wanted) if (await restoreFile(places, name)) restored.push(name)
  return restored
}

/** False: the file exists, or there is no copy of it. */
export async function restoreFile(places: Places, name: string): Promise<boolean> {
  const target = join(places.configDir, name)
  if (await exists(target)) return false
  const text = await readIfPresent(backupOf(places, name))
  if (text === null) return false
  return await replaceFile(target, text, await places.optionsFor(target))
}

/** The operator's own postgresql.conf; null: there is none, or it is one that was generated. */
export async function ownConf(places: Places): Promise<Buffer | null> {
  const text = await readIfPresent(places.conf)
  return text === null || isGenerated(text) || includesBase(text, places) ? null : text
}

function includesBase(text: Buffer, { baseName }: Places): boolean {
  return text
    .toString()
    .split('\n')
    .some(line => line.trim() === `include '${baseName}'`)
}

/**
 * Copies initdb's file to a configuration directory elsewhere that has none yet. False: it exists, or initdb made none.
 */
export async function copyFromDataDirectory(places: Places, name: string, to: string): Promise<boolean> {
  if (places.configDir === places.dataDir || (await exists(to))) return false
  const text = await readIfPresent(join(places.dataDir, name))
  if (text === null || isGenerated(text)) return false
  return await replaceFile(to, text, await places.optionsFor(to))
}

function backupOf(places: Places, name: string): string {
  return join(places.dataDir, `${name}.backup`)
}
