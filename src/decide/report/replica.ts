// Why a standby that runs is no healthy replica all the same: for load balancers, for `list`, and for the other members.

import { whyUndecided } from '../election/comparison.ts'
import { type ClusterFacts, server } from '../facts.ts'
import { missingConfiguration, withoutConfiguration } from '../known-configuration.ts'
import { starvation } from '../rejoin/reception.ts'

/** One clause whose text stays the same as long as it is so; null: nothing is wrong with it. */
export function replicaObstacle(facts: ClusterFacts): string | null {
  const { memory, snap, view } = facts
  if (server(snap)?.inRecovery !== true || view.leader?.name === snap.self.name) return null
  const why = missingConfiguration(snap, view)
  if (why !== null) return withoutConfiguration(why)
  if (memory.rejoin === 'diverged' || memory.rejoin === 'rewind-failed')
    return `the local data left the history of leader ${view.leader?.name ?? memory.lastLeader ?? 'that was last seen'}`
  return whyUndecided(facts) ?? starvation(facts)
}
