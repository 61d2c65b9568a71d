// Questions to etcd, to the peers and to the leader's PostgreSQL. The answers are part of the next snapshot.

import type { Member } from '../model/cluster/cluster.ts'
import type { Divergence } from '../model/cluster/divergence.ts'
import type { PeerView } from '../model/cluster/peer.ts'
import type { Question } from '../model/decision/action.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { type Seen, unseen } from '../model/seen.ts'
import { demoteMarginMs, leadershipLeftMs, requestBudgetMs, termOf } from '../model/timing.ts'
import type { MemberName } from '../model/units.ts'
import { inTime } from '../ports/clock.ts'
import type { ActPorts, Performed } from './act-context.ts'
import { askFailsafe } from './failsafe-question.ts'
import { done, failed, unreachable } from './outcomes.ts'

/** How long peers may take to answer in an election (spec/ha.md 2.5). */
const PEERS_LIMIT_MS = 2000
/** Long enough for a live node on a busy network, short enough for the budget of a failover. */
const FORMER_LEADER_LIMIT_MS = 600
const COMPARE_LIMIT_MS = 5000
/** More for what is read from the disk. */
const READING_MS = 1000

export async function ask(action: Question, snap: Snapshot, ports: ActPorts): Promise<Performed> {
  switch (action.kind) {
    case 'read-cluster': {
      const { store, guard, clock } = ports
      const cluster = await store.read(requestBudgetMs(guard.view(), snap.settings, clock.bootMs()))
      return { outcome: cluster.known ? done(action) : unreachable(action, cluster.why), cluster }
    }
    case 'ask-peers':
      return { outcome: done(action), peers: await askPeers(action, snap, ports) }
    case 'compare-timelines': {
      const comparing = ports.postgres.compareTimelines(action.leader, COMPARE_LIMIT_MS)
      const late = (): Seen<Divergence> => unseen('the comparison took too long')
      const divergence = await inTime(comparing, COMPARE_LIMIT_MS + READING_MS, ports.clock, late)
      return { outcome: divergence.known ? done(action) : failed(action, divergence.why), divergence }
    }
    case 'ask-failsafe':
      return await askFailsafe(action, snap, ports)
    default:
      return action satisfies never
  }
}

/** The former leader is asked with a shorter limit, so that a lost node does not delay the election. */
async function askPeers(
  action: Question & { kind: 'ask-peers' },
  snap: Snapshot,
  ports: ActPorts,
): Promise<ReadonlyMap<MemberName, Seen<PeerView>>> {
  const limitMs = peersLimitMs(snap, ports)
  const isFormer = (member: Member): boolean => member.name === action.formerLeader
  const [others, former] = await Promise.all([
    ports.peers.ask(
      action.members.filter(member => !isFormer(member)),
      limitMs,
    ),
    ports.peers.ask(action.members.filter(isFormer), Math.min(limitMs, FORMER_LEADER_LIMIT_MS)),
  ])
  return new Map([...others, ...former])
}

/** No longer than the lease allows, and at most half a ttl without one. */
function peersLimitMs({ settings }: Snapshot, { guard, clock }: ActPorts): number {
  const left = leadershipLeftMs(guard.view(), clock.bootMs())
  const term = termOf(guard.view(), settings)
  const limit = left > 0 ? Math.max(300, left - demoteMarginMs(term)) : settings.ttlMs / 2
  return Math.min(PEERS_LIMIT_MS, limit)
}
