// Who does not race: a standby whose PostgreSQL hangs, because as a primary it would serve nobody; one whose data directory
// was replaced under it; and a node that needs the watchdog device and cannot have it.

import { type ClusterFacts, runsAsPrimary } from '../../../facts.ts'
import { type Rule, rule } from '../../../rule.ts'
import { unfit } from '../../../unfit.ts'
import { raceWatchdog } from '../watchdog.ts'

const LOOK_AGAIN_MS = 1000

const raceUnfit: Rule<ClusterFacts> = rule({
  id: 'race.unfit',
  why: 'a node that could not serve clients lets another one lead, and goes on by itself when it can',
  level: 'warning',
  match: f => !runsAsPrimary(f) && unfit(f),
  choose: (_, why) => ({ reason: `not racing: ${why}`, wakeInMs: LOOK_AGAIN_MS }),
})

export const raceUnfitRules: readonly Rule<ClusterFacts>[] = [raceUnfit, raceWatchdog]
