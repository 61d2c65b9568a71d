// Failsafe mode on real processes: with all of etcd gone for several times the lease, the primary goes on and refuses no
// write; with one member cut off as well, it stops in time and names that member.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticed } from './harness/incident.ts'
import { cut, heal, signalHost } from './harness/network.ts'
import { etcdctl, getText, httpStatus, restPort } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'

const ttlMs = 8000
/** By hand, with HACTL_LONG=1: 50 s. */
const awayMs = process.env.HACTL_LONG === '1' ? 50_000 : 3 * ttlMs

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2, failsafe_mode: true })
  const { host } = await cluster.primary(20_000)
  const key = () => getText(cluster.client, host, '/failsafe').then(text => Object.keys(JSON.parse(text)))
  await until('the key names all members', async () => (await key()).length === 3, 30_000, 200)
})

afterAll(() => cluster.stage.close())

async function bringBackEtcd(): Promise<void> {
  await Promise.all(cluster.etcd.map(host => cluster.restartEtcd(host)))
  await until('etcd serves', () => etcdctl(cluster.client, ['endpoint', 'health'], cluster.etcd), 40_000, 200)
}

test('all of etcd gone: no write is refused', async () => {
  const incident = await beginIncident(cluster, `all of etcd gone for ${awayMs} ms in failsafe mode`)
  incident.strike()
  await Promise.all(cluster.etcd.map(host => signalHost(host, 'SIGKILL')))
  const endMs = nowMs() + awayMs
  await until('etcd was gone for long', () => nowMs() > endMs, awayMs + 5000)
  const status = JSON.parse(await getText(cluster.client, incident.leader.host, '/patroni'))
  expect(status).toMatchObject({ role: 'primary', failsafe_mode_is_active: true })
  await bringBackEtcd()
  expectUnnoticed(incident, await incident.end())
})

test.skipIf(process.env.HACTL_LONG !== '1')(
  'all of etcd gone and a member cut off: the primary stops in time and names it',
  async () => {
    const incident = await beginIncident(cluster, 'all of etcd and a member gone in failsafe mode')
    const { leader } = incident
    const [replica] = cluster.others(leader)
    if (replica === undefined) throw new Error('no replica')
    const isPrimary = () => httpStatus(cluster.client, `http://${leader.host.address}:${restPort}/primary`)
    incident.strike()
    await cut(replica.host)
    await Promise.all(cluster.etcd.map(host => signalHost(host, 'SIGKILL')))
    const [goneMs, goneWallMs] = [nowMs(), Date.now()]
    const names = async (): Promise<boolean> => {
      const { hactl } = JSON.parse(await getText(cluster.client, leader.host, '/patroni'))
      return String(hactl?.problem).includes(`${replica.host.name} did not agree`)
    }
    await until('the member is named', names, ttlMs, 100)
    await until(
      'the leader says that it leads no more',
      async () => (await isPrimary()) === 503,
      ttlMs + 5000,
    )
    const endMs = goneMs + ttlMs + 1000
    await until('the lease has ended', () => nowMs() > endMs, ttlMs + 5000)
    const written = (await incident.application.acknowledgements()).at(-1)?.executedMs ?? 0
    expect(written).toBeLessThan(goneWallMs + ttlMs)
    await heal(replica.host)
    await bringBackEtcd()
    await incident.writesAgain(40_000)
    await incident.end()
  },
)
