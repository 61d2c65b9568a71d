// What `edit-config` says of a change of the synchronous mode, by the members that the cluster has.

import { expect, test } from 'vitest'
import { adviseOnSynchronous } from '../../src/admin/config/synchronous-advice.ts'
import type { ClusterView, JsonObject, Member } from '../../src/model/cluster/cluster.ts'
import { leaderKey, member, view } from '../exhaustive/parts.ts'

const primary = member('pg1', 'primary')
const pg2 = member('pg2', 'replica')
const pg3 = member('pg3', 'replica')
const nosync = member('pg3', 'replica', { tags: { nosync: true } })
const noPriority = member('pg3', 'replica', { tags: { sync_priority: 0 } })

function clusterOf(members: readonly Member[]): ClusterView {
  const seen = view({ leader: leaderKey('pg1'), members })
  if (!seen.known) throw new Error('a view is known')
  return seen.value
}

const on = { synchronous_mode: true }
const strict = { ...on, synchronous_mode_strict: true }
const BEGINS =
  'synchronous_mode on: the leader begins to wait for a standby within loop_wait; commits are protected once hactl list shows a Sync Standby'

interface Said {
  readonly problems?: readonly string[]
  readonly warnings?: readonly string[]
  readonly notes?: readonly string[]
}

test.each<[string, JsonObject, JsonObject, readonly Member[], Said]>([
  ['another setting', on, { ...on, ttl: 20 }, [primary], {}],
  ['switched on', {}, on, [primary, pg2, pg3], { notes: [BEGINS] }],
  [
    'two of two',
    {},
    { ...on, synchronous_node_count: 2 },
    [primary, pg2, pg3],
    { notes: [BEGINS.replace('a standby', '2 standbys')] },
  ],
  [
    'more than there are',
    {},
    { ...on, synchronous_node_count: 3 },
    [primary, pg2, nosync],
    {
      warnings: ['synchronous_node_count: 3 are wanted, and only pg2 can be synchronous now'],
      notes: [BEGINS],
    },
  ],
  [
    'strict with one that can be synchronous',
    on,
    strict,
    [primary, pg2, noPriority],
    {
      warnings: [
        'synchronous_mode_strict: pg2 is the only standby that can be synchronous: when it is lost, every commit waits',
      ],
      notes: [
        'synchronous_mode on: the leader changes over step by step, and commits stay protected; hactl list shows each Sync Standby',
      ],
    },
  ],
  [
    'strict and nobody',
    {},
    strict,
    [primary, nosync],
    {
      warnings: [
        'synchronous_mode: no member can be a synchronous standby now (the leader, and those tagged nosync, cannot)',
        'synchronous_mode_strict: every commit will wait until a standby is synchronous',
      ],
      notes: [BEGINS],
    },
  ],
  [
    'names that PostgreSQL cannot tell apart',
    {},
    on,
    [primary, pg2, member('PG2', 'replica')],
    {
      problems: [
        'synchronous_mode: pg2 and PG2 are one name to PostgreSQL, so that one could acknowledge for the other',
      ],
      notes: [BEGINS],
    },
  ],
  [
    'from one mode to the other',
    on,
    { synchronous_mode: 'quorum' },
    [primary, pg2, pg3],
    {
      notes: [
        'synchronous_mode quorum: the leader changes over step by step, and commits stay protected; hactl list shows each Quorum Standby',
      ],
    },
  ],
  [
    'switched off',
    { synchronous_mode: 'quorum' },
    { maximum_lag_on_failover: 5 },
    [primary, pg2],
    {
      notes: [
        'synchronous_mode off: commits wait for no standby; an automatic failover may lose up to maximum_lag_on_failover (5 bytes)',
      ],
    },
  ],
  [
    'in a standby cluster the mode is off',
    {},
    { ...on, standby_cluster: { host: 'far' } },
    [primary, pg2],
    {},
  ],
])('%s', (_title, before, after, members, said) => {
  const expected = { problems: [], warnings: [], notes: [], ...said }
  expect(adviseOnSynchronous(before, after, clusterOf(members))).toEqual(expected)
})
