// A server that was killed and is still there: its processes wait inside the kernel for a disk that does not answer, and end when
// it does. Nothing of it will ever answer a client again, but it is not known to be dead.

import type { Memory } from '../../model/decision/memory.ts'
import type { Snapshot } from '../../model/decision/snapshot.ts'
import { type Facts, isRunning, server } from '../facts.ts'

/**
 * Why the stop of this leader's unusable server failed; null: that is not so. To stop means SIGKILL in the end: whoever may work in
 * the data directory may kill its server.
 */
export function survivesKill({ memory, snap }: Facts): string | null {
  const failure = memory.lastFailure
  const isKilled = memory.yields !== null && failure?.job === 'stop'
  return isKilled && isRunning(snap) && server(snap) === null ? failure.why : null
}

/** It is dead after all: the server that is started next is another one. */
export function forgetSurvivor(memory: Memory, snap: Snapshot): Memory {
  const isOver = memory.lastFailure?.job === 'stop' && !isRunning(snap)
  return isOver ? { ...memory, lastFailure: null } : memory
}
