// Standbys that may lack any amount of the cluster's WAL, or hold the data of another history: they take part in no
// race. An operator who knows better names one of them.

import { whyUndecided } from '../../../election/comparison.ts'
import { type ClusterFacts, runsAsPrimary } from '../../../facts.ts'
import { isForced } from '../../../lead/request-meaning.ts'
import { starvation } from '../../../rejoin/reception.ts'
import { type Rule, rule } from '../../../rule.ts'

/** How soon a node that does not try for the lease looks again: what keeps it back may change. */
export const LOOK_AGAIN_MS = 1000

export const raceUndecidedRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'race.undecided',
    why: 'a node whose data may be that of another history does not lead, unless an operator names it',
    level: 'warning',
    match: f => !runsAsPrimary(f) && !isForced(f) && whyUndecided(f),
    choose: (f, undecided) => ({
      reason: `not promoting: ${undecided}. HINT: If ${f.memory.undecided?.leader} does not come back, compare the data of the members, then name the one that shall lead: failover --candidate`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.received-nothing',
    why: 'a node that received nothing from a leader may lack any amount, unless that leader left its position in etcd',
    level: 'warning',
    match: f =>
      !runsAsPrimary(f) && !isForced(f) && (f.view.status?.value.optime ?? null) === null && starvation(f),
    choose: (_, starved) => ({
      reason: `not promoting: this node ${starved}, and how far the leader had come is not known. HINT: failover --candidate names the member that shall lead all the same`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
]
