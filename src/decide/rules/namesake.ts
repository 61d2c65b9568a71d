// Another node uses this node's name: the member key hangs on a lease that is not this node's.

import type { Member } from '../../model/cluster/cluster.ts'
import { type ClusterFacts, mayLead, runsAsPrimary, storeName, tried } from '../facts.ts'
import { nameHolder } from '../lead/name-holder.ts'
import { stopToFollow } from '../rejoin/stopping-postgres.ts'
import { type Rule, rule } from '../rule.ts'

/** How soon to look again whether that lease has ended. */
const HELD_AGAIN_MS = 1000

export function askStoreItself(situation: 'namesake' | 'stranger'): Rule<ClusterFacts> {
  return rule({
    id: `${situation}.read-cluster`,
    why: 'a verdict this grave is not based on the watch, which may be late',
    match: f => f.view.source === 'watch' && !tried(f.snap, 'read-cluster'),
    choose: f => ({
      reason:
        situation === 'namesake'
          ? `another node may hold the name of this one; asking ${storeName(f.snap)} itself`
          : `the data may belong to another cluster; asking ${storeName(f.snap)} itself`,
      actions: [{ kind: 'read-cluster' }],
    }),
  })
}

export const namesakeRules: readonly Rule<ClusterFacts>[] = [
  askStoreItself('namesake'),
  rule({
    id: 'namesake.stop-primary',
    why: 'a primary whose lease has ended and whose name another node has taken could write beside a new leader',
    level: 'error',
    match: f => f.memory.joinedAs !== null && runsAsPrimary(f) && !mayLead(f.snap) && nameHolder(f),
    choose: (f, holder) => ({
      reason: `${held(holder)}; stopping PostgreSQL`,
      ...stopToFollow(f, 'immediate'),
    }),
  }),
  rule({
    id: 'namesake.wait',
    why: 'a name belongs to the node that holds its lease, even if that node does not answer: nothing is touched until the lease ends',
    level: 'warning',
    match: nameHolder,
    choose: (_, holder) => ({
      reason: `${held(holder)}; waiting for the end of that lease. HINT: If two nodes are configured with this name, stop one of them and give it another`,
      wakeInMs: HELD_AGAIN_MS,
    }),
  }),
]

function held({ name, leaseId, record }: Member): string {
  return `another node holds the name ${name}: its member key lives on lease ${leaseId} (${record.apiUrl ?? 'no api_url'})`
}
