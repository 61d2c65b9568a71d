// The step of a beat that the agent waits for now. Each has a limit of its own, far below this bound: one that exceeds it
// does not come back.

import type { DynamicSettings } from '../settings/dynamic-settings.ts'
import type { BootMillis, Millis } from '../units.ts'

export interface StepInProgress {
  /** For people: `looking`, or the kind of an action. */
  readonly what: string
  readonly sinceMs: BootMillis
}

type Bounds = Pick<DynamicSettings, 'stalledAgentTimeoutMs' | 'ttlMs'>

/** After this nobody is told any more that this node serves: no beat has looked for so long. Shorter than the lease. */
export function stepBoundMs({ stalledAgentTimeoutMs, ttlMs }: Bounds): Millis {
  return stalledAgentTimeoutMs === 0 ? Number.POSITIVE_INFINITY : Math.min(stalledAgentTimeoutMs, ttlMs / 2)
}

/** The longest limit of any step is 6 s. */
const ENDS_AFTER_MS: Millis = 10_000

/** After this the agent ends, so that a new one can be started before the lease ends. */
export function agentEndsAfterMs({ stalledAgentTimeoutMs }: Bounds): Millis {
  return stalledAgentTimeoutMs === 0
    ? Number.POSITIVE_INFINITY
    : Math.max(ENDS_AFTER_MS, stalledAgentTimeoutMs)
}

/** A predicate whose text does not change while it lasts; null: the step may still come back. */
export function hangingStep(step: StepInProgress | null, settings: Bounds, nowMs: BootMillis): string | null {
  const boundMs = stepBoundMs(settings)
  if (step === null || nowMs - step.sinceMs < boundMs) return null
  return `hangs in a step of its beat for more than ${boundMs / 1000} s (${step.what})`
}
