// Packets that are dropped without a word: the leader or a replica cut off from everybody, from etcd only, from all but the
// clients, and in one direction only. etcd runs on hosts of its own. Whoever cannot prove its lease stops in time.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, replicateSynchronously, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticedByAll, takeoverLimitMs } from './harness/incident.ts'
import { type Cut, cut, heal } from './harness/network.ts'
import { nowMs, until } from './harness/until.ts'

const ttlMs = 5000
/** What may be on its way to a standby when the link breaks. */
const inFlightMs = 2000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

interface LeaderCut {
  readonly name: string
  /** Left out: from everybody, in both directions. */
  readonly from?: 'etcd' | 'etcd and peers'
  readonly direction?: Cut['direction']
  readonly synchronous?: true
}

const cuts: readonly LeaderCut[] = [
  { name: 'from everybody' },
  { name: 'from etcd only', from: 'etcd' },
  { name: 'from etcd and its peers, not from clients, asynchronous', from: 'etcd and peers' },
  { name: 'from everybody, nothing comes in', direction: 'in' },
  { name: 'from etcd, nothing goes out', from: 'etcd', direction: 'out' },
  {
    name: 'from etcd and its peers, not from clients, synchronous',
    from: 'etcd and peers',
    synchronous: true,
  },
]

test.each(cuts)('leader cut off $name', async ({ name, from, direction = 'both', synchronous = false }) => {
  await cluster.mend()
  await cluster.healthy(60_000)
  await replicateSynchronously(cluster, synchronous)
  const incident = await beginIncident(cluster, `leader cut off ${name}`)
  const { leader } = incident
  const peers = [...cluster.etcd, ...(from === 'etcd' ? [] : cluster.others(leader).map(({ host }) => host))]
  incident.strike()
  const struckMs = nowMs()
  await cut(leader.host, from === undefined ? { direction } : { peers, direction })
  await incident.writesAgain(40_000, leader)
  await heal(leader.host)
  // Asynchronous: a leader that cannot reach its standbys goes on until its lease ends, and what it acknowledges to
  // clients that still reach it is lost. Synchronous: it acknowledges nothing that no standby has.
  const measured = await incident.end({
    mayLose: synchronous ? 'none' : { acknowledgedAfterMs: struckMs - inFlightMs },
  })
  // Etcd hears a leader that hears nobody, and renews its lease until the leader has tried every open connection.
  const longerMs = direction === 'in' ? 2000 : 0
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured) + longerMs)
})

test('a replica cut off from everybody, then in one direction: the primary does not notice', async () => {
  await cluster.mend()
  await cluster.healthy(60_000)
  await replicateSynchronously(cluster, false)
  const incident = await beginIncident(cluster, 'replica cut off')
  const { leader } = incident
  const [replica] = cluster.others(leader)
  if (replica === undefined) throw new Error('no replica')
  incident.strike()
  for (const [direction, ms] of [
    ['both', ttlMs + 1000],
    ['in', 3000],
    ['out', 3000],
  ] as const) {
    await cut(replica.host, { direction })
    const endMs = nowMs() + ms
    await until(`cut for ${ms} ms`, () => nowMs() > endMs, ms + 5000)
    await heal(replica.host)
    await cluster.healthy(60_000)
  }
  expectUnnoticedByAll(incident, await incident.end())
})
