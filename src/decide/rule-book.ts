// The whole policy as a list: what `hactl why --rules` prints and a test pins, so that a change of policy is a diff.

import type { LogLevel, RuleId } from '../model/decision.ts'
import { askedRules } from './rules/asked.ts'
import { blindRules } from './rules/blind.ts'
import { busyRules } from './rules/busy.ts'
import { downRules } from './rules/down.ts'
import { emptyRules } from './rules/empty.ts'
import { followerRules } from './rules/follower.ts'
import { foundingRules } from './rules/founding.ts'
import { leaderRules } from './rules/leader.ts'
import { orphanedRules } from './rules/orphaned.ts'
import { pausedRules } from './rules/paused.ts'
import { raceRules } from './rules/race.ts'
import { startingRules } from './rules/starting.ts'
import { stoppingRules } from './rules/stopping.ts'
import { strangerRules } from './rules/stranger.ts'

export interface RuleText {
  readonly id: RuleId
  readonly why: string
  readonly level?: LogLevel
}

export function ruleBook(): readonly RuleText[] {
  return [
    askedRules,
    stoppingRules,
    busyRules,
    blindRules,
    foundingRules,
    pausedRules,
    orphanedRules,
    emptyRules,
    strangerRules,
    downRules,
    startingRules,
    leaderRules,
    raceRules,
    followerRules,
  ].flatMap((rules: readonly RuleText[]) =>
    rules.map(({ id, why, level }) => ({ id, why, ...(level === undefined ? {} : { level }) })),
  )
}
