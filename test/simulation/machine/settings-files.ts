// PostgreSQL's settings files: written in a moment, late on a slow disk, never on one that hangs, and not at all where no
// server could start either (a full disk, a value that PostgreSQL refuses).

import type { StepOutcome } from '../../../src/ports/postgres.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'
import { DONE, failed } from './step.ts'

const SETTINGS_MS = 30
/** So much slower that nobody waits for it. */
const HANGING = 20

export async function writeSettingsFiles(machine: Machine, process: OsProcess): Promise<StepOutcome> {
  do await process.clock.sleep(SETTINGS_MS * machine.slowness)
  while (machine.slowness > HANGING)
  return machine.failsStarts ? failed('settings not written: no space left on device') : DONE
}
