// A situation is a state that a node is in, with the facts that are known there and its rules: the first that applies
// decides.

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
  /** In the order in which they are tried. */
  readonly rules: readonly RuleText[]
  /** The rule that matched these facts; null: the node is in another situation. */
  readonly judge: (facts: Facts) => Matched | null
  readonly holds: (facts: Facts) => boolean
}

/** Hides the type of the facts that the rules use. `enter` returns them; null: the node is in another situation. */
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
