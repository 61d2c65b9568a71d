// Who may lead and who follows whom, as tags say it: nofailover, failover_priority, replicatefrom. Changed by SIGHUP on one
// cluster; etcd runs on hosts of its own, so that a lost machine is only a lost machine.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, list, type Node, startCluster } from './harness/cluster.ts'
import { beginIncident } from './harness/incident.ts'
import { hactl, rewriteSections, type Section } from './harness/member.ts'
import { runOn, signalHost } from './harness/network.ts'
import { query, restPort } from './harness/servers.ts'
import { until } from './harness/until.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: 5, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

/** Takes effect when both that others judge it by show it: its own status page and, a moment later, its member key. */
async function tag(node: Node, tags: Section): Promise<void> {
  await rewriteSections(node.file, { tags })
  node.agent.signal('SIGHUP')
  const shown = async () => {
    const text = await runOn(cluster.client, [
      'curl',
      '-s',
      '-m',
      '1',
      `http://${node.host.address}:${restPort}/patroni`,
    ])
    const { tags: published = {} } = JSON.parse(text) as { readonly tags?: Section }
    expect(published).toMatchObject(tags)
    return true
  }
  await until(`${node.host.name} has its tags`, shown, 30_000, 200)
  const listed = async () => {
    const members = await list(cluster.client, node.file)
    const { Tags } = members.find(({ Member }) => Member === node.host.name) ?? {}
    expect(Tags).toMatchObject(tags)
    return true
  }
  await until(`${node.host.name} is listed with its tags`, listed, 30_000, 200)
}

/** The leader's machine is lost; gives who leads next. The lost one is started again. */
async function loseLeader(): Promise<readonly [lost: Node, next: Node]> {
  const lost = await cluster.primary(20_000)
  // Whoever has more WAL wins, whatever the tags say.
  const all = 'select bool_and(write_lsn = pg_current_wal_lsn()) from pg_stat_replication'
  const arrived = async () => (await query(cluster.client, lost.host, all)) === 't'
  await until('what it wrote has arrived', arrived, 30_000, 100)
  await signalHost(lost.host, 'SIGKILL')
  const next = await cluster.primary(40_000, lost)
  await cluster.restart(lost.host.name)
  await cluster.healthy(60_000)
  return [lost, next]
}

function pair(of: readonly Node[]): readonly [Node, Node] {
  const [first, second] = of
  if (first === undefined || second === undefined) throw new Error('two nodes')
  return [first, second]
}

/** What a load balancer is answered, as a number; 0: nothing. */
async function check(node: Node, path: string): Promise<number> {
  const url = `http://${node.host.address}:${restPort}${path}`
  const answer = await runOn(cluster.client, [
    'curl',
    '-s',
    '-m',
    '2',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    url,
  ])
  return Number(answer)
}

test('hactl drain hands the leadership over under load, and holds until hactl undrain', async () => {
  const incident = await beginIncident(cluster, 'hactl drain of the leader')
  const { leader: drained } = incident
  const { name } = drained.host
  const command = (...args: string[]) => hactl(cluster.client, drained.file, args)
  incident.strike()
  expect(await command('drain', name, '--reason', 'kernel update')).toMatchObject({ code: 0 })
  const next = await incident.writesAgain(30_000, drained)
  expect(await check(drained, '/replica')).toBe(503)
  // Its agent and its server are started anew: the note is in etcd.
  await signalHost(drained.host, 'SIGKILL')
  await cluster.restart(name)
  await cluster.healthy(60_000)
  const [listed] = (await list(cluster.client, drained.file)).filter(({ Member }) => Member === name)
  expect(listed?.Tags).toMatchObject({ nofailover: true, noloadbalance: true })
  expect(await command('switchover', '--force')).toMatchObject({ code: 0 })
  const last = await incident.writesAgain(30_000, next)
  expect(last.host.name).not.toBe(name)
  expect(await check(drained, '/replica')).toBe(503)
  expect(await command('undrain', name)).toMatchObject({ code: 0 })
  expect(await check(drained, '/replica')).toBe(200)
  const { reigns } = await incident.end()
  expect(reigns.map(({ server }) => server)).toEqual([drained, next, last].map(({ host }) => host.address))
})

test('a node tagged nofailover is never elected, and is refused as a candidate', async () => {
  const leader = await cluster.primary(20_000)
  const [never, other] = pair(cluster.others(leader))
  await tag(never, { nofailover: true })
  const command = ['switchover', '--force', '--candidate', never.host.name]
  expect(await hactl(cluster.client, never.file, command)).toMatchObject({ code: 3 })
  const [, next] = await loseLeader()
  expect(next.host.name).toBe(other.host.name)
  const [, last] = await loseLeader()
  expect(last.host.name).toBe(leader.host.name)
  await tag(never, { failover_priority: 1 })
})

test('of two equal candidates the one with the higher failover_priority is elected', async () => {
  await cluster.mend()
  await cluster.healthy(60_000)
  const [low, high] = pair(cluster.others(await cluster.primary(20_000)))
  await tag(low, { failover_priority: 1 })
  await tag(high, { failover_priority: 5 })
  const [, next] = await loseLeader()
  expect(next.host.name).toBe(high.host.name)
  await tag(low, { failover_priority: 5 })
  await tag(next, { failover_priority: 1 })
  const again = await cluster.primary(20_000)
  const [third] = cluster.others(again).filter(({ host }) => host.name !== low.host.name)
  if (third === undefined) throw new Error('a third node')
  await tag(third, { failover_priority: 1 })
  const [, last] = await loseLeader()
  expect(last.host.name).toBe(low.host.name)
})

test('a cascading replica streams on after a failover to the member it takes its WAL from, and back', async () => {
  await cluster.mend()
  await cluster.healthy(60_000)
  for (const node of cluster.nodes()) await tag(node, { failover_priority: 1 })
  const [middle, last] = pair(cluster.others(await cluster.primary(20_000)))
  await tag(last, { nofailover: true, replicatefrom: middle.host.name })
  await streams(last, middle)
  const [lost, next] = await loseLeader()
  expect(next.host.name).toBe(middle.host.name)
  await streams(last, middle)
  const command = ['switchover', '--force', '--candidate', lost.host.name]
  expect(await hactl(cluster.client, lost.file, command)).toMatchObject({ code: 0 })
  await cluster.healthy(60_000)
  await streams(last, middle)
  const leader = await cluster.primary(20_000)
  await query(cluster.client, leader.host, 'create table through_the_cascade ()')
  const arrived = `select 1 from pg_class where relname = 'through_the_cascade'`
  await until(
    'a change arrives at the end',
    async () => (await query(cluster.client, last.host, arrived)) === '1',
    30_000,
    100,
  )
})

async function streams(from: Node, upstream: Node): Promise<void> {
  const asked = `select state from pg_stat_replication where application_name = '${from.host.name}'`
  const look = async () => (await query(cluster.client, upstream.host, asked)) === 'streaming'
  await until(`${from.host.name} streams from ${upstream.host.name}`, look, 40_000, 200)
}
