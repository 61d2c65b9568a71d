// A standby whose PostgreSQL hangs does not race: as a primary it would serve nobody.

import { type ClusterFacts, runsAsPrimary } from '../../facts.ts'
import { type Rule, rule } from '../../rule.ts'
import { unfit } from '../../unfit.ts'

const LOOK_AGAIN_MS = 1000

export const raceUnfit: Rule<ClusterFacts> = rule({
  id: 'race.unfit',
  why: 'a node that could not serve clients lets another one lead, and goes on by itself when it can',
  level: 'warning',
  match: f => !runsAsPrimary(f) && unfit(f),
  choose: (_, why) => ({ reason: `not racing: ${why}`, wakeInMs: LOOK_AGAIN_MS }),
})
