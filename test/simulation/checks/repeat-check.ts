// A decision depends on its snapshot and on the memory before it, and on nothing else: asked again with copies of both, the
// rules answer the same. Without that no journal could be replayed. One decision in so many is asked again.

import { isDeepStrictEqual } from 'node:util'
import type { DecisionEntry } from '../../../src/agent/beat.ts'
import { decide } from '../../../src/decide/decide.ts'
import type { Memory } from '../../../src/model/decision/memory.ts'

/** A prime, so that it falls on each step of a beat in turn. */
const EVERY = 53

/** Of one life of an agent. */
export class RepeatCheck {
  #before: Memory | null = null
  #count = 0

  /** What is wrong; null: nothing, or this decision was not asked again. */
  look({ snapshot, decision }: DecisionEntry): string | null {
    const before = this.#before
    this.#before = decision.memory
    this.#count += 1
    if (before === null || this.#count % EVERY !== 0) return null
    const again = decide(structuredClone(snapshot), structuredClone(before))
    // A copy has no objects without a prototype.
    if (isDeepStrictEqual(structuredClone(again), structuredClone(decision))) return null
    return `decides ${decision.rule} (${decision.reason}), and with the same facts ${again.rule} (${again.reason})`
  }
}
