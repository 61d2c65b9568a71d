// A rule is data: an id, why it exists, when it applies and what follows. A situation is an ordered list of them;
// the first that applies wins, and the ids passed over are part of the answer.

import type { Action } from '../model/decision/action.ts'
import type { LogLevel, LogPolicy, RuleId } from '../model/decision/decision.ts'
import type { Memory } from '../model/decision/memory.ts'
import type { Millis } from '../model/units.ts'

/** What the rule book prints of a rule. */
export interface RuleText {
  readonly id: RuleId
  /** Why the rule exists. */
  readonly why: string
  /** The log level of its reason, unless a choice has its own. */
  readonly level?: LogLevel
  readonly log?: LogPolicy
}

export interface Rule<Facts> extends RuleText {
  /** What follows from these facts; null: the rule does not apply to them. */
  readonly apply: (facts: Facts) => Choice | null
}

/** How a rule is written: `match` finds its evidence once, and `choose` uses it. */
interface WrittenRule<Facts, Evidence> extends RuleText {
  /** Why the rule applies; null or false: it does not. */
  readonly match: (facts: NoInfer<Facts>) => Evidence | false | null
  readonly choose: (facts: NoInfer<Facts>, evidence: Evidence) => Choice
}

export interface Choice {
  /** One sentence with the numbers that mattered, in lower case, without a full stop. */
  readonly reason: string
  /** Replaces the rule's level. */
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

/** Hides the type of the evidence, so that rules with different evidence can be in one list. */
export function rule<Facts, Evidence>({ match, choose, ...text }: WrittenRule<Facts, Evidence>): Rule<Facts> {
  return {
    ...text,
    apply: facts => {
      const evidence = match(facts)
      return evidence === null || evidence === false ? null : choose(facts, evidence)
    },
  }
}

/** The same rule, under one more condition. */
export function ruleWhere<Facts>(condition: (facts: Facts) => boolean, inner: Rule<Facts>): Rule<Facts> {
  return ruleOver(facts => (condition(facts) ? facts : null), inner)
}

/** A rule that needs more facts than its list has. It does not apply where `more` returns null: they are not known. */
export function ruleOver<Facts, More>(more: (facts: Facts) => More | null, inner: Rule<More>): Rule<Facts> {
  return {
    ...inner,
    apply: facts => {
      const known = more(facts)
      return known === null ? null : inner.apply(known)
    },
  }
}

/** The same rule with a changed choice. */
export function ruleThen<Facts>(
  inner: Rule<Facts>,
  change: (choice: Choice, facts: Facts) => Choice,
): Rule<Facts> {
  return {
    ...inner,
    apply: facts => {
      const choice = inner.apply(facts)
      return choice === null ? null : change(choice, facts)
    },
  }
}

/** The first rule that applies. Every rule list ends with one that always does; anything else is a bug. */
export function firstMatch<Facts>(rules: readonly Rule<Facts>[], facts: Facts): Matched {
  const considered: RuleId[] = []
  for (const { id, level, log, apply } of rules) {
    const choice = apply(facts)
    if (choice !== null)
      return { rule: id, level: choice.level ?? level ?? null, log: log ?? null, choice, considered }
    considered.push(id)
  }
  throw new Error(
    `no rule matched after ${considered.join(', ')}: a rule list must end with one that always does`,
  )
}
