// What the state breaks of its invariants, once each. Nothing is stopped for it: no decision was found to be wrong.

import { stateViolations } from '../decide/state-invariants.ts'
import type { Memory } from '../model/decision/memory.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import type { Log } from '../ports/log.ts'

/** To be told what every beat ended with. */
export function createStateLog(log: Log): (snapshot: Snapshot, memory: Memory) => void {
  const said = new Set<string>()
  return (snapshot, memory) => {
    for (const wrong of stateViolations(snapshot, memory)) {
      if (!said.has(wrong)) log.error(`bug: the state of this node is wrong (${wrong}); please report it`)
      said.add(wrong)
    }
  }
}
