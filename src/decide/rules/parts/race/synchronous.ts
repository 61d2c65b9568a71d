// Steps of an election that only synchronous mode has: may this node lead at all, and do enough others confirm that it has
// everything that was acknowledged (spec/ha.md 3.8.2, 3.8.5)?

import { type ClusterFacts, runsAsPrimary } from '../../../facts.ts'
import { isForced } from '../../../lead/request-meaning.ts'
import { type Rule, rule } from '../../../rule.ts'
import { lacksVotes, notElectable } from '../../../sync/electable.ts'
import { LOOK_AGAIN_MS } from './undecided.ts'

export const raceNotSynchronous: Rule<ClusterFacts> = rule({
  id: 'race.not-synchronous',
  why: 'an acknowledged commit is on the leader and on its synchronous standbys; any other node may lack it',
  match: f => !runsAsPrimary(f) && !isForced(f) && notElectable(f),
  choose: (f, why) => ({
    reason: `not promoting: ${why}. HINT: If none of them comes back: hactl failover --candidate ${f.snap.self.name}`,
    wakeInMs: LOOK_AGAIN_MS,
  }),
})

export const raceWithoutVotes: Rule<ClusterFacts> = rule({
  id: 'race.no-quorum',
  why: 'in quorum mode a commit is on some of the voters: a node knows that it has it when enough of them have no more than it has',
  match: f => !runsAsPrimary(f) && !isForced(f) && lacksVotes(f),
  choose: (f, why) => ({
    reason: `not promoting: ${why}. HINT: If the others do not come back: hactl failover --candidate ${f.snap.self.name}`,
    wakeInMs: LOOK_AGAIN_MS,
  }),
})
