// The answer of `decide`: the rule that matched, why, what was passed over, what to do, and what to remember.

import type { Millis } from '../units.ts'
import type { Action } from './action.ts'
import type { Memory } from './memory.ts'

/** Stable, grep-able: `<situation>.<rule>`. */
export type RuleId = string

/**
 * `error`: writes stop, or the agent ends because somebody has to look. `warning`: the cluster has no leader, may lose it, or
 * something failed: somebody should know. `info`: said, but nobody needs to be woken.
 */
export type LogLevel = 'info' | 'warning' | 'error'

/**
 * `pulse`: so regular that it is no news. `rest`: all is well, so that whatever comes after is news even if it was said before.
 * `event`: said each time it happens.
 */
export type LogPolicy = 'pulse' | 'rest' | 'event'

/** Said beside the decision: what has begun or is over. Its id, like a rule's, is for alerts. */
export interface News {
  readonly id: string
  readonly level: LogLevel
  readonly text: string
}

export interface Decision {
  readonly rule: RuleId
  /** One sentence with the numbers that mattered. */
  readonly reason: string
  /** Absent: business as usual. */
  readonly level?: LogLevel
  readonly log?: LogPolicy
  readonly news?: readonly News[]
  /** Rules of the situation looked at before this one, in order. */
  readonly considered: readonly RuleId[]
  /** In order; the first that does not succeed ends the step. */
  readonly actions: readonly Action[]
  /** Routine; a failure here never blocks anything. Only performed when the decision is settled. */
  readonly upkeep: readonly Action[]
  readonly memory: Memory
  /** `again`: take another step of this beat now; `settled`: sleep until `wakeInMs` or an event. */
  readonly next: 'again' | 'settled'
  readonly wakeInMs: Millis
}
