// Trouble in etcd under load: a member killed, etcd's own leader frozen, all members gone for longer than the lease.
// A healthy primary stays as long as it can prove its lease, and not a moment longer.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticedByAll } from './harness/incident.ts'
import { signalHost } from './harness/network.ts'
import { etcdctl, etcdLeader, httpStatus, restPort } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'

/** Longer than elsewhere: etcd's own election, and once more after a split vote, must fit into what a lease has left. */
const ttlMs = 8000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

async function passes(ms: number): Promise<void> {
  const endMs = nowMs() + ms
  await until(`${ms} ms passed`, () => nowMs() > endMs, ms + 5000)
}

test('each member of etcd killed in turn, one at a time: nobody is demoted', async () => {
  const incident = await beginIncident(cluster, 'each etcd member killed in turn')
  incident.strike()
  for (const host of cluster.etcd) {
    await signalHost(host, 'SIGKILL')
    // A leader whose renewals fail gives up before its lease ends: this is longer than that.
    await passes(ttlMs - 500)
    await cluster.restartEtcd(host)
    await until('it serves again', () => etcdctl(cluster.client, ['endpoint', 'health'], [host]), 40_000, 200)
  }
  expectUnnoticedByAll(incident, await incident.end())
})

test('the leader of etcd frozen for longer than the lease: nobody is demoted', async () => {
  const incident = await beginIncident(cluster, 'etcd’s leader frozen')
  const leader = await until('etcd has a leader', () => etcdLeader(cluster.client, cluster.etcd), 30_000, 200)
  incident.strike()
  await signalHost(leader, 'SIGSTOP')
  await passes(2 * ttlMs)
  await signalHost(leader, 'SIGCONT')
  expectUnnoticedByAll(incident, await incident.end())
})

test('all of etcd gone for longer than the lease: the primary stops in time, and the cluster heals when etcd is back', async () => {
  const incident = await beginIncident(cluster, 'all of etcd gone')
  const { leader } = incident
  const isPrimary = () => httpStatus(cluster.client, `http://${leader.host.address}:${restPort}/primary`)
  incident.strike()
  await Promise.all(cluster.etcd.map(host => signalHost(host, 'SIGKILL')))
  // From here on no lease can be confirmed. By both clocks: when an insert ran is told by the server's, the wall clock.
  const [goneMs, goneWallMs] = [nowMs(), Date.now()]
  await until('the leader says that it leads no more', async () => (await isPrimary()) === 503, ttlMs + 5000)
  await passes(ttlMs)
  const written = (await incident.application.acknowledgements()).at(-1)?.executedMs ?? 0
  expect(written).toBeLessThan(goneWallMs + ttlMs)
  await Promise.all(cluster.etcd.map(host => cluster.restartEtcd(host)))
  await until('etcd serves', () => etcdctl(cluster.client, ['endpoint', 'health'], cluster.etcd), 40_000, 200)
  const backMs = nowMs()
  await incident.writesAgain(40_000)
  const downMs = backMs - goneMs
  const { applicationGap } = await incident.end()
  console.log(
    `measured | all of etcd gone for ${Math.round(downMs)} ms, writes again ${Math.round(applicationGap.toMs - backMs)} ms after it served`,
  )
  expect(applicationGap.toMs).toBeLessThan(backMs + 10_000)
})
