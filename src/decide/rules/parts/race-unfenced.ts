// A primary that nobody named and nothing guards, because it was started by hand or maintenance has just ended: it asks
// to lead only once its fencer is armed, and does not go on without.

import { type ClusterFacts, runsAsPrimary } from '../../facts.ts'
import { isFenced } from '../../lead/fencing.ts'
import { stopToFollow } from '../../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../../rule.ts'

/** In one beat: a machine that stands still for a moment is no reason to stop a primary. */
const TRIES_MAX = 3

export const raceUnfencedRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'race.unfenced-demote',
    why: 'etcd may name a primary before it reads the answer: one that nothing would stop does not ask to lead, and must not go on',
    level: 'error',
    match: f => {
      const failures = unarmed(f)
      return runsAsPrimary(f) && !isFenced(f) && failures.length >= TRIES_MAX && failures
    },
    choose: (f, failures) => ({
      reason: `the fencer could not be armed in ${TRIES_MAX} tries (${failures.at(-1)}); not asking to lead, stopping PostgreSQL`,
      ...stopToFollow(f, 'fast'),
    }),
  }),
]

/** Why the fencer could not be armed, each time in this beat. */
function unarmed({ snap }: ClusterFacts): readonly string[] {
  return snap.outcomes.flatMap(outcome =>
    outcome.action === 'arm-fencer' && outcome.kind !== 'done' ? [outcome.why] : [],
  )
}
