// The agent of the leader stands still again and again. Its PostgreSQL works, so the lease goes to a healthy standby in good
// order, as in a switchover, or not at all. A member whose agent stands still as often is no better place.

import type { MemberName, Millis } from '../../model/units.ts'
import { type ClusterFacts, server } from '../facts.ts'
import type { Rule } from '../rule.ts'
import { stallingAgent } from '../stalling-agent.ts'
import { askWhoTakesOver, stopForAnother, stopToHandOver } from './making-way.ts'

/** For as long as a standstill counts: the same ones are no reason for a second handover. */
const AGAIN_MS: Millis = 600_000

export const stallRules: readonly Rule<ClusterFacts>[] = [
  askWhoTakesOver({
    id: 'leader.stalls-ask',
    why: 'a leader whose agent stands still again and again looks for a healthy member before a longer standstill costs the lease',
    level: 'warning',
    // It is not urgent: a leader that nobody is better than need not ask in every beat.
    ground: f => isTimeToAsk(f) && stallsAgain(f),
    tell: why => why,
    remember: ({ snap }) => ({ stallsAskedAtMs: snap.nowMs }),
  }),
  stopForAnother({
    id: 'leader.stalls-hand-over',
    why: 'a server that works is stopped only in good order, for a member that has all of its data and whose agent runs well',
    level: 'warning',
    ground: stallsAgain,
    choosing: healthy,
    choose: (f, { evidence: why, able: [candidate] }) => {
      const stop = stopToHandOver(f, { candidate, requestRevision: null })
      return {
        reason: `${why}; handing over to ${candidate}`,
        ...stop,
        remember: { ...stop.remember, stalledHandoverAtMs: f.snap.nowMs },
      }
    },
  }),
]

function isTimeToAsk({ memory: { stallsAskedAtMs: lastMs }, snap }: ClusterFacts): boolean {
  return lastMs === null || snap.nowMs - lastMs >= snap.settings.loopWaitMs
}

function stallsAgain(facts: ClusterFacts): string | null {
  const { memory, snap, view } = facts
  const { stalledHandoverAtMs: lastMs } = memory
  if (lastMs !== null && snap.nowMs - lastMs < AGAIN_MS) return null
  // An operator's request goes first, and a server that does not answer has rules of its own.
  return view.failover === null && server(snap) !== null ? stallingAgent(facts) : null
}

/** Those that stream from this server; a member that does not say how its agent fares is not known to stall. */
function healthy(able: readonly MemberName[], { snap }: ClusterFacts): readonly MemberName[] {
  const streaming = (server(snap)?.replication ?? []).filter(({ state }) => state === 'streaming')
  return able.filter(name => {
    const answer = snap.peers?.get(name)
    return (
      answer?.known === true &&
      answer.value.stalls !== true &&
      streaming.some(({ applicationName }) => applicationName.toLowerCase() === name.toLowerCase())
    )
  })
}
