// What a situation is: a state that a node is in, what is known there, and its rules, of which the first that applies decides.

import type { Facts } from './facts.ts'
import { firstMatch, type Matched, type Rule, type RuleText } from './rule.ts'

export type SituationName =
  | 'asked'
  | 'outdated'
  | 'stopping'
  | 'busy'
  | 'blind'
  | 'namesake'
  | 'founding'
  | 'paused'
  | 'orphaned'
  | 'empty'
  | 'stranger'
  | 'down'
  | 'starting'
  | 'leader'
  | 'race'
  | 'follower'

export interface Situation {
  /** One clause: what it means to be in it. */
  readonly is: string
  /** In the order in which they are asked. */
  readonly rules: readonly RuleText[]
  /** What the rules say of these facts; null: the node is in another situation. */
  readonly judge: (facts: Facts) => Matched | null
  readonly holds: (facts: Facts) => boolean
}

/** Hides which facts the rules use. `enter` gives them; null: the node is in another situation. */
export function situation<Known>(
  is: string,
  enter: (facts: Facts) => Known | null,
  rules: readonly Rule<Known>[],
): Situation {
  return {
    is,
    rules,
    holds: facts => enter(facts) !== null,
    judge: facts => {
      const known = enter(facts)
      return known === null ? null : firstMatch(rules, known)
    },
  }
}
