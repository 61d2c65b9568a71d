// Standbys of which nobody knows what they lack, or whether their data is the cluster's at all: they take part in no race.
// An operator who knows better names one of them.

import { whyUndecided } from '../../election/comparison.ts'
import { type ClusterFacts, runsAsPrimary } from '../../facts.ts'
import { isForced } from '../../lead/request-meaning.ts'
import { starvation } from '../../rejoin/reception.ts'
import { type Rule, rule } from '../../rule.ts'

/** As in race.ts: what is missing may come. */
const LOOK_AGAIN_MS = 1000

export const raceUndecidedRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'race.undecided',
    why: 'a node whose data may be that of another history is nobody to lead, unless an operator names it',
    level: 'warning',
    match: f => !runsAsPrimary(f) && !isForced(f) && whyUndecided(f),
    choose: (f, undecided) => ({
      reason: `not promoting: ${undecided}. HINT: If ${f.memory.undecided?.leader} does not come back, compare the data of the members, then name the one that shall lead: failover --candidate`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.received-nothing',
    why: 'a node that received nothing while somebody led may lack any amount, unless the last leader left its position',
    level: 'warning',
    match: f =>
      !runsAsPrimary(f) && !isForced(f) && (f.view.status?.value.optime ?? null) === null && starvation(f),
    choose: (_, starved) => ({
      reason: `not promoting: this node ${starved}, and how far the leader had come is not known. HINT: failover --candidate names the member that shall lead all the same`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
]
