// What a decision remembers, judged without the help of the rules.

import { memoryViolations } from '../../src/decide/state-invariants.ts'
import type { Decision } from '../../src/model/decision/decision.ts'
import type { World } from './parts.ts'

/** From a memory that fits together follows one that does. */
export function forgetsItself({ snap, memory }: World, decision: Decision): readonly string[] {
  return memoryViolations(memory, snap.nowMs).length > 0 ? [] : memoryViolations(decision.memory, snap.nowMs)
}
