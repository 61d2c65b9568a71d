// One beat: observe, decide, assert, journal, act, and again with the outcomes, until a decision says "settled". A beat
// that does not settle is a bug, and is logged as one.

import { act } from '../act/act.ts'
import type { ActPorts, Performed } from '../act/act-context.ts'
import { decide } from '../decide/decide.ts'
import { violations } from '../decide/invariants.ts'
import type { Action } from '../model/decision/action.ts'
import type { Decision } from '../model/decision/decision.ts'
import { type Learned, NOTHING_LEARNED } from '../model/decision/learned.ts'
import type { Memory } from '../model/decision/memory.ts'
import type { Outcome } from '../model/decision/outcome.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { type AgentFacts, type LocalLook, observe } from '../observe/observe.ts'

export interface BeatPorts extends ActPorts {
  /** Facts that the agent itself contributes; called at each step. */
  readonly facts: () => AgentFacts
  /** Called before each part of a beat that is waited for. */
  readonly begins?: (what: string) => void
  /** Every decision goes here before it is acted on. */
  readonly record: (entry: DecisionEntry) => void
  /** Called when the routine after a decision did not succeed; the next beat tries again. */
  readonly routineFailed?: (outcome: Outcome) => void
}

export interface DecisionEntry {
  readonly snapshot: Snapshot
  readonly decision: Decision
  readonly step: number
  /** The event that woke the agent. */
  readonly cause: string
}

interface BeatResult {
  readonly memory: Memory
  readonly snapshot: Snapshot
  readonly decision: Decision
}

/** More than any path through the rules needs: adopt, arm, read, ask, judge, acquire, arm, clear, promote. */
const STEPS_MAX = 25

export async function beat(ports: BeatPorts, before: Memory, cause: string): Promise<BeatResult> {
  let memory = before
  let learned: Learned = NOTHING_LEARNED
  let look: LocalLook | null = null
  const rules: string[] = []
  for (let step = 0; step < STEPS_MAX; step++) {
    ports.begins?.('looking')
    const observed = await observe(ports, ports.facts(), learned, look)
    look = observed.look
    learned = { ...learned, postgresTouched: false }
    const { snapshot } = observed
    const decision = decide(snapshot, memory)
    assertSafe(snapshot, decision)
    memory = decision.memory
    ports.record({ snapshot, decision, step, cause })
    rules.push(decision.rule)
    learned = await performInOrder(decision.actions, snapshot, ports, learned)
    if (decision.next === 'settled') {
      await performAll(decision.upkeep, snapshot, ports)
      return { memory, snapshot, decision }
    }
  }
  throw new Error(`bug: a beat did not settle after ${STEPS_MAX} steps: ${rules.join(' ')}`)
}

function assertSafe(snapshot: Snapshot, decision: Decision): void {
  const wrong = violations(snapshot, decision)
  if (wrong.length > 0) throw new Error(`bug: ${decision.rule} breaks an invariant: ${wrong.join('; ')}`)
}

/** The first action that does not succeed ends the step; its outcome is a fact of the next one. */
async function performInOrder(
  actions: readonly Action[],
  snapshot: Snapshot,
  ports: BeatPorts,
  before: Learned,
): Promise<Learned> {
  let learned = before
  for (const action of actions) {
    ports.begins?.(action.kind)
    const performed = await act(action, snapshot, ports)
    learned = add(learned, performed)
    if (performed.outcome.kind !== 'done') break
  }
  return learned
}

function add(learned: Learned, { outcome, ...facts }: Performed): Learned {
  return {
    ...learned,
    ...facts,
    postgresTouched: learned.postgresTouched || facts.postgresTouched === true,
    outcomes: [...learned.outcomes, outcome],
  }
}

/** The actions of the routine are independent: after a failure, the next beat tries again. */
async function performAll(actions: readonly Action[], snapshot: Snapshot, ports: BeatPorts): Promise<void> {
  for (const action of actions) {
    ports.begins?.(action.kind)
    const { outcome } = await act(action, snapshot, ports)
    if (outcome.kind !== 'done') ports.routineFailed?.(outcome)
  }
}
