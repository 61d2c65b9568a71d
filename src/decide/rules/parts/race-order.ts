// Of those who may take the lease, who goes first: whom an operator named, then who has the most of the cluster's WAL
// (spec/ha.md 3.8). Whoever stands back says for whom, and looks again soon.

import { betterRival, missingFromReleasedLeader, tooFarBehind } from '../../election/election.ts'
import { electableNamedCandidate, otherElectableMember, sinceRelease } from '../../election/head-start.ts'
import { type ClusterFacts, runsAsPrimary } from '../../facts.ts'
import { dueRequest, isForced } from '../../lead/request-meaning.ts'
import { type Rule, rule } from '../../rule.ts'

/** How soon a node that stood back looks again: somebody better may fail. */
export const LOOK_AGAIN_MS = 1000
/** A candidate named by an operator gets this long before the others race. */
const CANDIDATE_LIMIT_MS = 5000

export const raceOrderRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'race.candidate-goes-first',
    why: 'the operator named somebody, and that node can do it',
    match: f => !runsAsPrimary(f) && sinceRelease(f) < CANDIDATE_LIMIT_MS && electableNamedCandidate(f),
    choose: (_, candidate) => ({
      reason: `${candidate} goes first: an operator named it`,
      wakeInMs: Math.min(LOOK_AGAIN_MS, CANDIDATE_LIMIT_MS),
    }),
  }),
  rule({
    id: 'race.leader-steps-back',
    why: 'a switchover away from this node is not answered by this node taking the lease again',
    match: f =>
      !runsAsPrimary(f) &&
      dueRequest(f)?.leader === f.snap.self.name &&
      sinceRelease(f) < CANDIDATE_LIMIT_MS &&
      otherElectableMember(f),
    choose: (_, other) => ({
      reason: `a switchover away from me was asked for and ${other} can take over`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.lag',
    why: 'no more may be lost than the operator allowed',
    match: f => !runsAsPrimary(f) && !isForced(f) && tooFarBehind(f),
    choose: (f, lag) => ({
      reason: `My wal position exceeds maximum replication lag: ${lag}. HINT: If nobody comes back who has more: hactl failover --candidate ${f.snap.self.name}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.stand-back',
    why: 'the node with the most WAL, then the highest priority, goes first',
    match: f => !runsAsPrimary(f) && !isForced(f) && betterRival(f),
    choose: (_, rival) => ({
      reason: `following a different leader because i am not the healthiest node: ${rival.reason}`,
      wakeInMs: LOOK_AGAIN_MS,
    }),
  }),
  rule({
    id: 'race.others-have-all',
    why: 'a leader that gave the lease up in good order left all of its data with somebody: that one, or it itself, may come back',
    match: f =>
      !runsAsPrimary(f) &&
      !isForced(f) &&
      sinceRelease(f) < f.snap.settings.ttlMs &&
      missingFromReleasedLeader(f),
    choose: (_, missing) => ({ reason: `not promoting yet: ${missing}`, wakeInMs: LOOK_AGAIN_MS }),
  }),
]
