// Logs each broken invariant of the state once. Nothing is stopped for it, because no decision was found to be wrong.

import { stateViolations } from '../decide/state-invariants.ts'
import type { Memory } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { Log } from '../ports/log.ts'

/** Gets the state at the end of every beat. */
export function createStateLog(log: Log): (snapshot: Snapshot, memory: Memory) => void {
  const said = new Set<string>()
  return (snapshot, memory) => {
    for (const wrong of stateViolations(snapshot, memory)) {
      if (!said.has(wrong)) log.error(`bug: the state of this node is wrong (${wrong}); please report it`)
      said.add(wrong)
    }
  }
}
