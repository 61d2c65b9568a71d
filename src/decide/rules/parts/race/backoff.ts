// A standby that still receives WAL gives the primary a moment to take its lease back (`primary_race_backoff`).

import { raceBackoff } from '../../../election/race-backoff.ts'
import { type ClusterFacts, runsAsPrimary, seconds } from '../../../facts.ts'
import { type Rule, rule } from '../../../rule.ts'
import { LOOK_AGAIN_MS } from './undecided.ts'

export const waitForPrimary: Rule<ClusterFacts> = rule({
  id: 'race.backoff',
  // spec/ha.md 8.C20
  why: 'while WAL still comes, the primary is alive: its agent may take the lease back, and nobody need lose anything',
  match: f => !runsAsPrimary(f) && raceBackoff(f),
  choose: (_, { leftMs, moved }) => ({
    reason: moved
      ? `WAL still comes: the primary lives, and has ${seconds(leftMs)} more to take its lease back (primary_race_backoff)`
      : `looking for ${seconds(leftMs)} more whether WAL still comes (primary_race_backoff)`,
    wakeInMs: Math.min(LOOK_AGAIN_MS, leftMs),
  }),
})
