// synchronous_standby_names in a file of its own, which postgresql.conf includes last. Only the rules of synchronous mode
// change its value: a new configuration, a new upstream or a new agent writes the other files and leaves this one alone, so
// that PostgreSQL never stops waiting for a standby by accident.

import { lastValue, readConfChain } from '../settings/conf-chain.ts'
import { exists, readIfPresent, replaceFile } from '../settings/durable-file.ts'
import { isGenerated, singleSetting, withoutParameters } from '../settings/file-text.ts'
import type { Places } from '../settings/places.ts'
import type { Job } from '../settings/write-files.ts'

const NAME = 'synchronous_standby_names'

export interface SyncNamesFile {
  /** null: it sets nothing, or does not exist. */
  read(): Promise<string | null>
  /** True when a file changed: a running server needs a reload. */
  write(value: string | null): Promise<boolean>
}

/** `inTurn`: two writers of settings would undo each other. */
export function syncNamesFile(
  places: Places,
  inTurn: <T>(work: () => Promise<T>) => Promise<T>,
): SyncNamesFile {
  return {
    read: () => readSyncNames(places),
    write: value => inTurn(() => replaceSyncNames(places, value)),
  }
}

/** null: the file sets nothing, or does not exist. */
async function readSyncNames({ syncNames }: Places): Promise<string | null> {
  return lastValue(await readConfChain(syncNames), NAME) || null
}

/** True when a file changed. Takes out a value of ALTER SYSTEM, which would win over this one. */
async function replaceSyncNames(places: Places, value: string | null): Promise<boolean> {
  const changed = await writeValue(places, value)
  return (await takeOutOfAutoConf(places)) || changed
}

async function writeValue(places: Places, value: string | null): Promise<boolean> {
  const text = singleSetting(value === null ? null : { name: NAME, value })
  return await replaceFile(places.syncNames, text, await places.optionsFor(places.syncNames))
}

/** While the mode is on; and after it was switched off, until the rules have taken the value back. */
export async function needsSyncFile({ input, places }: Job): Promise<boolean> {
  return input.effective.synchronous === true || (await readSyncNames(places)) !== null
}

/**
 * A standby that starts waits for nobody: what the file says came with a copy, or is left from its time as primary. A primary
 * that another program (Patroni) configured goes on waiting for whom it waited.
 */
export async function writeSyncNamesFile(job: Job): Promise<boolean> {
  const { input, places } = job
  if (input.role === 'standby' && input.running !== true)
    return (await readSyncNames(places)) === null ? false : await writeValue(places, null)
  if (input.effective.synchronous !== true || (await exists(places.syncNames))) return false
  const before = await readIfPresent(places.conf)
  const isOthers = before !== null && isGenerated(before) && input.role === 'primary'
  return await writeValue(places, isOthers ? lastValue(await readConfChain(places.conf), NAME) : null)
}

async function takeOutOfAutoConf(places: Places): Promise<boolean> {
  const text = await readIfPresent(places.autoConf)
  const cleaned = text === null ? null : withoutParameters(text.toString('latin1'), new Set([NAME]))
  if (cleaned === null) return false
  const options = await places.optionsFor(places.autoConf)
  return await replaceFile(places.autoConf, Buffer.from(cleaned, 'latin1'), options)
}
