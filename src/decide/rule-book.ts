// The whole policy as a list. `hactl agent --rules` prints it and a test pins it, so that a change of policy is a diff.

import type { RuleText } from './rule.ts'
import type { SituationName } from './situation.ts'
import { SITUATIONS } from './situations.ts'

interface Chapter {
  readonly situation: SituationName
  readonly is: string
  readonly rules: readonly RuleText[]
}

/** A chapter for each situation, in the order of the table. */
export function chapters(): readonly Chapter[] {
  return Object.entries(SITUATIONS).map(([name, { is, rules }]) => ({
    ...{ situation: name as SituationName, is },
    rules: rules.map(({ id, why, level }) => ({ id, why, ...(level === undefined ? {} : { level }) })),
  }))
}
