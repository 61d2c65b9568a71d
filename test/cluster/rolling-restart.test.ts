// A setting that needs a restart goes up and down again on a cluster under load, by `hactl rolling restart`: up with the
// standbys first and a switchover, down with the primary first, because no standby may have less than its primary.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, list, startCluster } from './harness/cluster.ts'
import { beginIncident, type Incident } from './harness/incident.ts'
import { hactl } from './harness/member.ts'
import { query } from './harness/servers.ts'
import { until } from './harness/until.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: 5, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

async function setAndRoll({ leader }: Incident, maxConnections: number): Promise<readonly string[]> {
  const { client } = cluster
  const setting = `postgresql.parameters.max_connections=${maxConnections}`
  const edited = await hactl(client, leader.file, ['edit-config', '--set', setting, '--force'])
  expect(edited, edited.stderr).toMatchObject({ code: 0 })
  expect(edited.stderr).toContain('max_connections: only a restart brings this into force')
  const allPending = async () =>
    (await list(client, leader.file)).every(member => member['Pending restart'] === '*')
  await until('all members say that a restart is pending', allPending, 30_000)
  const rolled = await hactl(
    client,
    leader.file,
    ['rolling', 'restart', '--pending', '--force', '--json'],
    180_000,
  )
  expect(rolled, `${rolled.stdout}${rolled.stderr}`).toMatchObject({ code: 0 })
  for (const { host } of cluster.nodes())
    expect(await query(client, host, 'show max_connections')).toBe(String(maxConnections))
  return JSON.parse(rolled.stdout).members.map(({ member }: { readonly member: string }) => member)
}

test('up: standbys first, then a switchover; nothing is lost, and the gap is that of a switchover', async () => {
  const incident = await beginIncident(cluster, 'rolling restart, max_connections up')
  incident.strike()
  const order = await setAndRoll(incident, 150)
  expect(order.at(-1)).toBe(incident.leader.host.name)
  const { reigns, serverGap } = await incident.end()
  expect(reigns).toHaveLength(2)
  expect(serverGap.ms).toBeLessThan(5000)
})

test('down: the primary first, where it is, and the standbys after it; nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'rolling restart, max_connections down')
  incident.strike()
  const order = await setAndRoll(incident, 90)
  expect(order[0]).toBe(incident.leader.host.name)
  const { reigns } = await incident.end()
  expect(new Set(reigns.map(({ server }) => server))).toEqual(new Set([incident.leader.host.address]))
})
