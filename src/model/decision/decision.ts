// The result of `decide`: the rule that matched, its reason, the rules passed over, the actions, and the next memory.

import type { Millis } from '../units.ts'
import type { Action } from './action.ts'
import type { Memory } from './memory.ts'

/** Stable, grep-able: `<situation>.<rule>`. */
export type RuleId = string

/**
 * `error`: writes stop, or the agent ends because a person has to look. `warning`: the cluster has no leader or may
 * lose it, or something failed. `info`: worth a line, but nobody needs to be woken.
 */
export type LogLevel = 'info' | 'warning' | 'error'

/**
 * `pulse`: too regular to be logged. `rest`: all is well, so the next line is news even if it was logged before.
 * `event`: logged each time it happens.
 */
export type LogPolicy = 'pulse' | 'rest' | 'event'

/** A line beside the decision about something that has begun or is over. Alerts match its id, like a rule's. */
export interface News {
  readonly id: string
  readonly level: LogLevel
  readonly text: string
}

export interface Decision {
  readonly rule: RuleId
  /** One sentence with the numbers that mattered. */
  readonly reason: string
  /** Absent: `info`. */
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
