// A page that an agent writes into the data directory of its simulated server, or its own, to see whether the disk can be written.

import type { DiskAnswer, OwnPlace } from '../../../src/model/server/vitals.ts'
import type { Machine } from './machine.ts'
import type { OsProcess } from './os-process.ts'

const LOOK_AGAIN_MS = 500

export async function probeDiskOf(machine: Machine, process: OsProcess): Promise<DiskAnswer> {
  await process.clock.sleep(2 * machine.slowness)
  while (machine.hungDisk && !process.isDead) await process.clock.sleep(LOOK_AGAIN_MS)
  return machine.fullDisk ? { state: 'full', why: 'No space left on device' } : { state: 'works' }
}

/** The same in the state directory; no agent has a log of its own. */
export async function probeOwnOf(machine: Machine, process: OsProcess, place: OwnPlace): Promise<DiskAnswer> {
  if (place === 'log') return { state: 'works' }
  await process.clock.sleep(2)
  while (machine.hungState && !process.isDead) await process.clock.sleep(LOOK_AGAIN_MS)
  return machine.fullState ? { state: 'full', why: 'No space left on device' } : { state: 'works' }
}
