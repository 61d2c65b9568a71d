// A standby whose name is on the leader key although this process won no race: its earlier agent died between the lease
// and the promotion, or the key was written by hand. The checks of a race are made up for before anything is promoted.

import type { Millis } from '../../../model/units.ts'
import {
  betterRival,
  livePrimary,
  membersToAsk,
  namesOf,
  silentPrimary,
  tooFarBehind,
} from '../../election/election.ts'
import { type ClusterFacts, isStandbyWithLease, tried } from '../../facts.ts'
import { holdOnMs } from '../../lead/lease-rules.ts'
import { isForced } from '../../lead/request-meaning.ts'
import { releaseUnpromoted, releasing } from '../../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../../rule.ts'

export const inheritedKeyRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'leader.ask-before-promotion',
    why: 'a leader key that this process did not take itself does not prove that there is no other primary',
    match: f => isUnproven(f) && membersToAsk(f),
    choose: (_, members) => ({
      reason: `the leader key already held my name; before a promotion asking ${namesOf(members)}`,
      actions: [{ kind: 'ask-peers', members }],
    }),
  }),
  rule({
    id: 'leader.not-elected',
    why: 'there must never be two primaries, and the key was written without asking the one that runs',
    level: 'warning',
    match: f => isUnproven(f) && !tried(f.snap, 'release-lease') && livePrimary(f),
    choose: (f, primary) => ({
      reason: `the leader key held my name, but ${primary} runs as primary; ${releasing(f)}`,
      ...releaseUnpromoted(f),
    }),
  }),
  rule({
    id: 'leader.not-the-best',
    why: 'after an earlier run of this agent won the lease, a member with more of the data may have come back',
    level: 'warning',
    match: f => isUnproven(f) && !tried(f.snap, 'release-lease') && lessThanOthers(f),
    choose: (f, less) => ({
      reason: `the leader key held my name, but this node was not promoted yet and ${less}; ${releasing(f)}`,
      ...releaseUnpromoted(f),
    }),
  }),
  rule({
    id: 'leader.wait-for-silence',
    why: 'a silent primary may write while its lease lives, for two ttl at most',
    level: 'warning',
    match: f => isUnproven(f) && silentPrimary(f, sinceNamed(f)),
    choose: (f, { name, why }) => ({
      reason: `not promoting yet: the lease of ${name} is alive and it ${why}, it may still be primary`,
      wakeInMs: holdOnMs(f),
    }),
  }),
]

function isUnproven(facts: ClusterFacts): boolean {
  return facts.memory.leaderKeyInherited && isStandbyWithLease(facts)
}

/** For how long no other node can have proved that it holds the leader key. */
function sinceNamed({ memory, snap }: ClusterFacts): Millis {
  return memory.leaderMovedAtMs === null ? 0 : snap.nowMs - memory.leaderMovedAtMs
}

/** What would keep this node from winning a race now; null: nothing. */
function lessThanOthers(facts: ClusterFacts): string | null {
  if (isForced(facts)) return null
  return betterRival(facts)?.reason ?? tooFarBehind(facts)
}
