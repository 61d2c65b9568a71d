// Nobody holds the lease, but a primary may go on without it: in maintenance mode, or in failsafe mode by the promises of
// the members. Then nobody takes over from it.

import { otherMembers } from '../../../election/election.ts'
import {
  bindingPromise,
  forgottenPromise,
  notCountedOn,
  onlyInFailsafe,
} from '../../../election/failsafe-gate.ts'
import {
  type ClusterFacts,
  isStandbyWithLease,
  runsAsPrimary,
  seconds,
  storeName,
  tried,
} from '../../../facts.ts'
import { askMembers } from '../../../lead/failsafe.ts'
import { isForced } from '../../../lead/request-meaning.ts'
import { releaseUnpromoted, releasing } from '../../../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../../../rule.ts'
import { LOOK_AGAIN_MS } from './undecided.ts'
import { operatorsWordRules } from './unguarded.ts'

const gates: readonly Rule<ClusterFacts>[] = [
  ...operatorsWordRules,
  rule({
    id: 'race.promised',
    why: 'a primary that cannot reach the store goes on because this node, like all others, has promised not to lead; an operator cannot take that back either',
    level: 'warning',
    match: bindingPromise,
    choose: (f, { name, atMs, untilMs }) => ({
      reason: `not promoting: ${name} goes on as the primary without ${storeName(f.snap)}; it asked ${seconds(f.snap.nowMs - atMs)} ago, and this node has promised not to lead for ${seconds(untilMs - f.snap.nowMs)} more`,
      wakeInMs: Math.min(LOOK_AGAIN_MS, untilMs - f.snap.nowMs),
    }),
  }),
  rule({
    id: 'race.may-have-promised',
    why: 'an agent that restarts has forgotten what it promised in failsafe mode: it waits for one ttl, unless all members answer and none is a primary',
    level: 'warning',
    match: f => {
      const others = otherMembers(f)
      return forgottenPromise(f, [...others, ...onlyInFailsafe(f, others)])
    },
    choose: (_, { forMs, silent }) => ({
      reason: `not promoting for ${seconds(forMs)} more: before its start this agent may have promised a primary that cannot reach the store not to lead (failsafe mode)${silent.length === 0 ? '' : `, and ${silent.join(' and ')} cannot be asked`}`,
      wakeInMs: Math.min(LOOK_AGAIN_MS, forMs),
    }),
  }),
  rule({
    id: 'race.not-in-failsafe',
    why: 'a leader that goes on in failsafe mode has not asked a node that is not in the failsafe key',
    level: 'warning',
    match: f => !runsAsPrimary(f) && !isForced(f) && notCountedOn(f),
    choose: (f, { forMs }) => ({
      reason: `not promoting${forMs === null ? '' : ` for ${seconds(forMs)} more`}: the failsafe key does not name this node, so its leader may go on without ${storeName(f.snap)} and without asking it. HINT: When the last leader is known to be down: hactl failover --candidate ${f.snap.self.name}`,
      wakeInMs: forMs === null ? LOOK_AGAIN_MS : Math.min(LOOK_AGAIN_MS, forMs),
    }),
  }),
]

/** For their places in the list of race.ts. */
export const raceFailsafe = { ask: askMembers<ClusterFacts>('race'), gates }

/** The answer to a request for the key was lost, this node promised, and then the key turned out to be its own. */
export const releaseForPromise: Rule<ClusterFacts> = rule({
  id: 'leader.promised',
  why: 'a promise in failsafe mode comes before a leader key: the primary that it was made to goes on',
  level: 'warning',
  match: f => isStandbyWithLease(f) && !tried(f.snap, 'release-lease') && bindingPromise(f),
  choose: (f, { name, untilMs }) => ({
    reason: `not promoting: this node has promised ${name}, which cannot reach ${storeName(f.snap)}, not to lead for ${seconds(untilMs - f.snap.nowMs)} more; ${releasing(f)}`,
    ...releaseUnpromoted(f),
  }),
})
