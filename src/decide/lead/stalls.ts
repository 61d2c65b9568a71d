// The agent of the leader stands still again and again. Its PostgreSQL works, so the lease goes to a healthy standby in good
// order, as in a switchover, or not at all. A member whose agent stands still as often is no better place.

import { primaryStopLimitMs } from '../../model/settings/stop-limit.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { otherMembers, someCandidate } from '../election/election.ts'
import { type ClusterFacts, failedLately, runsAsPrimary, server } from '../facts.ts'
import { STOP_AGAIN_MS } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'
import { stallingAgent } from '../stalling-agent.ts'
import { hasTimeLeft } from './lease-rules.ts'

/** For as long as a standstill counts: the same ones are no reason for a second handover. */
const AGAIN_MS: Millis = 600_000

export const stallRules: readonly Rule<ClusterFacts>[] = [
  rule({
    id: 'leader.stalls-ask',
    why: 'a leader whose agent stands still again and again looks for a healthy member before a longer standstill costs the lease',
    level: 'warning',
    match: f => f.snap.peers === null && mayHandOver(f) && stallingAgent(f),
    choose: (f, why) => ({
      reason: `${why}; asking who can take over`,
      actions: [{ kind: 'ask-peers', members: otherMembers(f) }],
    }),
  }),
  rule({
    id: 'leader.stalls-hand-over',
    why: 'a server that works is stopped only in good order, for a member that has all of its data and whose agent runs well',
    level: 'warning',
    match: f => {
      const why = mayHandOver(f) ? stallingAgent(f) : null
      const candidate = healthyCandidate(f)
      return why !== null && candidate !== null && { why, candidate }
    },
    choose: (f, { why, candidate }) => ({
      reason: `${why}; handing over to ${candidate}`,
      actions: [
        {
          kind: 'begin',
          job: {
            kind: 'stop',
            mode: 'fast',
            checkpoint: true,
            timeoutMs: primaryStopLimitMs(f.snap.settings),
          },
        },
      ],
      remember: {
        stalledHandoverAtMs: f.snap.nowMs,
        handover: {
          candidate,
          startedAtMs: f.snap.nowMs,
          requestRevision: null,
          position: null,
          stoppedAtMs: null,
        },
      },
      next: 'settled',
    }),
  }),
]

function mayHandOver(facts: ClusterFacts): boolean {
  const { memory, snap, view } = facts
  const { stalledHandoverAtMs: lastMs } = memory
  if (lastMs !== null && snap.nowMs - lastMs < AGAIN_MS) return false
  // An operator's request goes first, and a server that does not answer has rules of its own.
  if (view.failover !== null || server(snap) === null) return false
  return runsAsPrimary(facts) && hasTimeLeft(facts) && !failedLately(facts, ['stop'], STOP_AGAIN_MS)
}

/** The best one that streams from this server; a member that does not say how its agent fares is not known to stall. */
function healthyCandidate(facts: ClusterFacts): MemberName | null {
  const { peers } = facts.snap
  const streaming = (server(facts.snap)?.replication ?? []).filter(({ state }) => state === 'streaming')
  const names = someCandidate(facts) ?? []
  const healthy = names.filter(name => {
    const answer = peers?.get(name)
    return (
      answer?.known === true &&
      answer.value.stalls !== true &&
      streaming.some(({ applicationName }) => applicationName.toLowerCase() === name.toLowerCase())
    )
  })
  return healthy[0] ?? null
}
