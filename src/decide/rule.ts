// A rule is data: an id, why it exists, when it matches and what follows. A situation is an ordered list of them;
// the first that matches wins, and the ids passed over are part of the answer.

import type { Action } from '../model/action.ts'
import type { LogLevel, LogPolicy, RuleId } from '../model/decision.ts'
import type { Memory } from '../model/memory.ts'
import type { Millis } from '../model/units.ts'

export interface Rule<Facts> {
  readonly id: RuleId
  /** Why the rule exists, for the printed rule book. */
  readonly why: string
  /** How loud its reason is said; a choice may say otherwise. */
  readonly level?: LogLevel
  readonly log?: LogPolicy
  readonly when: (facts: Facts) => boolean
  readonly choose: (facts: Facts) => Choice
}

export interface Choice {
  /** One sentence with the numbers that mattered, in lower case, without a full stop. */
  readonly reason: string
  /** Where it differs from the rule's. */
  readonly level?: LogLevel
  readonly actions?: readonly Action[]
  /** Changes to the memory. */
  readonly remember?: Partial<Memory>
  /** `again` (default when there are actions): look at their outcomes in the next step of this beat. */
  readonly next?: 'again' | 'settled'
  /** For `settled`: look again after this long at the latest; default: when the next renewal is due. */
  readonly wakeInMs?: Millis
}

export interface Matched {
  readonly rule: RuleId
  readonly level: LogLevel | null
  readonly log: LogPolicy | null
  readonly choice: Choice
  readonly considered: readonly RuleId[]
}

/** The first rule that matches. Every rule list ends with one that always does; anything else is a bug. */
export function firstMatch<Facts>(rules: readonly Rule<Facts>[], facts: Facts): Matched {
  const considered: RuleId[] = []
  for (const rule of rules) {
    if (rule.when(facts)) return matched(rule, rule.choose(facts), considered)
    considered.push(rule.id)
  }
  throw new Error(
    `no rule matched after ${considered.join(', ')}: a rule list must end with one that always does`,
  )
}

function matched<Facts>(rule: Rule<Facts>, choice: Choice, considered: readonly RuleId[]): Matched {
  return {
    rule: rule.id,
    level: choice.level ?? rule.level ?? null,
    log: rule.log ?? null,
    choice,
    considered,
  }
}
