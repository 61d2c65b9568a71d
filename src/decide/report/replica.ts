// Why a running standby is not a healthy replica: for load balancers, `list` and the other members.

import { whyUndecided } from '../election/comparison.ts'
import { type ClusterFacts, server } from '../facts.ts'
import { missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { starvation } from '../rejoin/reception.ts'

/** One clause whose text does not change while the state lasts; null: the replica is healthy. */
export function replicaObstacle(facts: ClusterFacts): string | null {
  const { memory, snap, view } = facts
  if (server(snap)?.inRecovery !== true || view.leader?.name === snap.self.name) return null
  const why = missingConfiguration(snap, view)
  if (why !== null) return withoutConfiguration(why, snap)
  if (memory.rejoin === 'diverged' || memory.rejoin === 'rewind-failed')
    return `the local data left the history of leader ${view.leader?.name ?? memory.lastLeader ?? 'that was last seen'}`
  return whyUndecided(facts) ?? starvation(facts)
}
