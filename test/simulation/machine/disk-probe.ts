// A page that an agent writes into the data directory of its simulated server, to see whether its disk can be written.

import type { DiskAnswer } from '../../../src/model/server/vitals.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'

const LOOK_AGAIN_MS = 500

export async function probeDiskOf(machine: Machine, process: OsProcess): Promise<DiskAnswer> {
  await process.clock.sleep(2 * machine.slowness)
  while (machine.hungDisk && !process.isDead) await process.clock.sleep(LOOK_AGAIN_MS)
  return machine.fullDisk ? { state: 'full', why: 'No space left on device' } : { state: 'works' }
}
