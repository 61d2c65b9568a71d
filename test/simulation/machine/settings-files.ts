// PostgreSQL's settings files: written in a moment, late on a slow disk, never on one that hangs, and not at all where no
// server could start either (a full disk, a value that PostgreSQL refuses).

import type { StepOutcome } from '../../../src/ports/postgres.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import type { Postmaster } from './postmaster.ts'
import { DONE, failed } from './step.ts'

const SETTINGS_MS = 30
/** So much slower that nobody waits for it. */
const HANGING = 20

export async function writeSettingsFiles(machine: Machine, process: OsProcess): Promise<StepOutcome> {
  do await process.clock.sleep(SETTINGS_MS * machine.slowness)
  while (machine.slowness > HANGING)
  return machine.failsStarts ? failed('settings not written: no space left on device') : DONE
}

/** Into the directory that the server works in: it finds its configuration there. */
export async function setSyncNames(
  machine: Machine,
  process: OsProcess,
  server: Postmaster | null,
  value: string | null,
): Promise<StepOutcome> {
  await process.clock.sleep(Math.min(machine.tookMs(1, 10) * machine.slowness, 2000))
  const data = server?.data ?? machine.data
  if (data === null || machine.failsStarts || machine.slowness > HANGING)
    return failed('synchronous_standby_names not written: no space left on device')
  data.syncNames = value
  server?.sync.reload()
  return DONE
}
