// Maintenance mode under load: a switchover to a member that is named, and a leader whose PostgreSQL is killed, which stays
// as it is until the mode ends.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Cluster, list, type Node, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident, type Incident } from './harness/incident.ts'
import { hactl } from './harness/member.ts'
import { runOn } from './harness/network.ts'
import { etcdctl, httpStatus, restPort } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'

const ttlMs = 5000
/** As of any other switchover: handover.test.ts. */
const switchoverLimitMs = 3000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

async function pause(on: boolean): Promise<void> {
  const { file } = cluster.node('pg1')
  const setting = `pause=${on ? 'true' : 'null'}`
  const ran = await hactl(cluster.client, file, ['edit-config', '-s', setting, '--force'])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
}

/** Ends with the test at the latest. */
async function pauseSeenByAll(): Promise<void> {
  await pause(true)
  onTestFinished(() => pause(false))
  for (const { host } of cluster.nodes()) {
    const says = async () =>
      (
        await runOn(cluster.client, ['curl', '-s', '-m', '5', `http://${host.address}:${restPort}/patroni`])
      ).includes('"pause": true')
    await until(`${host.name} is in maintenance mode`, says, 30_000)
  }
}

function standbyOf({ leader }: Incident): Node {
  const [standby] = cluster.others(leader)
  if (standby === undefined) throw new Error('no standby')
  return standby
}

const leaderKey = async (): Promise<string> =>
  (await etcdctl(cluster.client, ['get', '--print-value-only', '/service/test/leader'], cluster.etcd)).trim()

/** What the leader says of itself for whoever comes after it. */
async function isNoted({ host }: Node, guarded: boolean): Promise<void> {
  const key = '/service/test/hactl/guard'
  const note = JSON.stringify({ leader: host.name, guarded })
  const stands = async () =>
    (await etcdctl(cluster.client, ['get', '--print-value-only', key], cluster.etcd)).trim() === note
  await until(`etcd says ${note}`, stands, 20_000)
}

test('a switchover to a member that is named: no row is lost, and everybody follows before the pause ends', async () => {
  const incident = await beginIncident(cluster, 'switchover in maintenance mode')
  const { leader } = incident
  const candidate = standbyOf(incident)
  await isNoted(leader, true)
  await pauseSeenByAll()
  await isNoted(leader, false)
  const unnamed = await hactl(cluster.client, leader.file, ['switchover', '--force'])
  expect(unnamed.code, unnamed.stderr).toBe(3)
  incident.strike()
  const ran = await hactl(cluster.client, leader.file, [
    'switchover',
    '--force',
    '--candidate',
    candidate.host.name,
  ])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
  const next = await incident.writesAgain(30_000, leader)
  expect(next.host.name).toBe(candidate.host.name)
  await isNoted(next, false)
  const { reigns, serverGap } = await incident.end()
  expect(reigns.map(({ server }) => server)).toEqual([leader.host.address, candidate.host.address])
  expect(serverGap.ms).toBeLessThan(switchoverLimitMs)
  expect(await next.agent.log()).toMatch(/maintenance mode: disarming the fencer/)
})

test('kill -9 of the leader’s PostgreSQL: nothing is started and nobody takes over before the pause ends', async () => {
  const incident = await beginIncident(cluster, 'PostgreSQL killed in maintenance mode')
  const { leader } = incident
  await isNoted(leader, true)
  await pauseSeenByAll()
  const postmaster = await postmasterOf(cluster.stage, leader)
  incident.strike()
  await runOn(leader.host, ['kill', '-9', String(postmaster)])
  await until('the leader key is given up', async () => (await leaderKey()) === '', 20_000)
  const endMs = nowMs() + 3 * ttlMs
  const isQuiet = async (): Promise<boolean> => {
    expect(await leaderKey()).toBe('')
    for (const { host } of cluster.nodes())
      expect(await httpStatus(cluster.client, `http://${host.address}:${restPort}/primary`)).not.toBe(200)
    return nowMs() > endMs
  }
  await until('longer than any failover takes', isQuiet, 10 * ttlMs, 500)
  const rows = await list(cluster.client, leader.file)
  expect(rows.find(({ Member }) => Member === leader.host.name)?.State).toMatch(/crashed|stopped/)
  await pause(false)
  await incident.writesAgain(30_000)
  // What no standby had received when the server was killed.
  await incident.end({ mayLose: { lastMs: 2000 } })
})
