// The agent comes and goes beside a PostgreSQL that runs on, and configurations change under it: restarts, maintenance
// mode, bad and good dynamic configuration; nodes that must not join; a server that is taken over as it is.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, list, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticed, expectUnnoticedByAll } from './harness/incident.ts'
import { hactl, rewriteSections, startAgent, writeMemberFile } from './harness/member.ts'
import { processesOn, runOn } from './harness/network.ts'
import { etcdctl, httpStatus, postgresBin, query, restPort, startPlainPostgres } from './harness/servers.ts'
import { asPostgres } from './harness/stage.ts'
import { nowMs, until } from './harness/until.ts'

const ttlMs = 5000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster(
    { ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 },
    {},
    { etcd: 'together' },
  )
})

afterAll(() => cluster.stage.close())

async function edit(setting: string): Promise<void> {
  const { file } = cluster.node('pg1')
  const ran = await hactl(cluster.client, file, ['edit-config', '-s', setting, '--force'])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
}

test('kill -9 of a replica’s agent and a new one: its PostgreSQL streams on, the same process', async () => {
  const incident = await beginIncident(cluster, 'kill -9 of a replica’s agent, started again')
  const [replica] = cluster.others(incident.leader)
  if (replica === undefined) throw new Error('no replica')
  const postmaster = await postmasterOf(cluster.stage, replica)
  incident.strike()
  await replica.agent.stop('SIGKILL')
  await cluster.restart(replica.host.name)
  const { agent } = cluster.node(replica.host.name)
  await agent.says(/follower\.steady/, 40_000)
  expectUnnoticedByAll(incident, await incident.end())
  expect(await postmasterOf(cluster.stage, replica)).toBe(postmaster)
})

test('in maintenance mode all agents stop by SIGTERM and start again: no server is touched, no write refused', async () => {
  const incident = await beginIncident(cluster, 'all agents replaced in maintenance mode')
  const postmasters = () => Promise.all(cluster.nodes().map(node => postmasterOf(cluster.stage, node)))
  const before = await postmasters()
  incident.strike()
  await edit('pause=true')
  await incident.leader.agent.says(/PAUSE|maintenance/, 30_000)
  const agents = cluster.nodes().map(({ agent }) => agent)
  // Beside each other; the replicas’ must have seen the mode as well.
  for (const agent of agents) await agent.says(/paused\./, 30_000)
  await Promise.all(agents.map(agent => agent.stop('SIGTERM', 40_000)))
  expect(agents.map(agent => agent.exitCode())).toEqual([0, 0, 0])
  await Promise.all(cluster.nodes().map(({ host }) => cluster.restart(host.name)))
  const { host } = incident.leader
  const primary = async () =>
    (await httpStatus(cluster.client, `http://${host.address}:${restPort}/primary`)) === 200
  await until('the leader’s new agent answers for it', primary, 40_000, 100)
  await edit('pause=null')
  expectUnnoticed(incident, await incident.end())
  expect(await postmasters()).toEqual(before)
})

test('a bad dynamic configuration is named in the log: a bad value is replaced, text that is none leaves the last good one', async () => {
  const incident = await beginIncident(cluster, 'bad dynamic configuration')
  const { leader } = incident
  const key = '/service/test/config'
  const good = (await etcdctl(cluster.client, ['get', '--print-value-only', key], cluster.etcd)).trim()
  incident.strike()
  for (const [bad, named] of [
    ['{"ttl": "soon", "loop_wait": 1}', /WARNING.*ttl: "soon" is not an integer.*the default is used, 30/],
    ['{"ttl": 5,', /ERROR.*cannot be used.*last good one stays in force/],
  ] as const) {
    const said = (await leader.agent.log()).length
    await etcdctl(cluster.client, ['put', key, bad], cluster.etcd)
    const refusal = async () => {
      const lines = (await leader.agent.log()).slice(said).split('\n')
      return lines.some(line => named.test(line))
    }
    await until(`the log names what is wrong with ${bad}`, refusal, 30_000)
    const endMs = nowMs() + ttlMs + 1000
    await until('longer than a lease', () => nowMs() > endMs, ttlMs + 5000)
  }
  await etcdctl(cluster.client, ['put', key, good], cluster.etcd)
  expectUnnoticedByAll(incident, await incident.end())
})

test('ttl, loop_wait and retry_timeout go up and down, and are left out, under load: nobody notices', async () => {
  const incident = await beginIncident(cluster, 'timing changed')
  const { client, etcd } = cluster
  const key = '/service/test/config'
  const good = (await etcdctl(client, ['get', '--print-value-only', key], etcd)).trim()
  const { ttl: _ttl, loop_wait: _loop, retry_timeout: _retry, ...rest } = JSON.parse(good)
  const api = `http://${incident.leader.host.address}:${restPort}/config`
  const send = (method: string, document: object) =>
    runOn(client, ['curl', '-fsS', '-m', '20', '-X', method, '-d', JSON.stringify(document), api])
  const short = { ttl: 5, loop_wait: 1, retry_timeout: 2 }
  incident.strike()
  for (const [method, document, granted] of [
    ['PATCH', { ttl: 30, loop_wait: 10, retry_timeout: 10 }, 30],
    ['PATCH', { ttl: 60, loop_wait: 30 }, 60],
    ['PATCH', short, 5],
    ['PUT', rest, 30],
    ['PUT', { ...rest, ...short }, 5],
  ] as const) {
    await send(method, document)
    const lease = async () => (await leaderLease(cluster)).granted === granted
    await until(`the leader's lease is one of ${granted} s`, lease, 4000, 100)
    // Longer than the shortest lease lives: it was renewed, or it was not the one that counts any more.
    const endMs = nowMs() + ttlMs + 2000
    const lives = async () => {
      expect((await leaderLease(cluster)).left).toBeGreaterThan(0)
      return nowMs() > endMs
    }
    await until('longer than a short lease', lives, ttlMs + 20_000, 500)
  }
  expectUnnoticedByAll(incident, await incident.end())
  for (const { agent } of cluster.nodes()) expect(await agent.log()).not.toMatch(/leader\.lease-ends/)
})

/** Seconds, as etcd counts them, of the lease that the leader key hangs on now. */
async function leaderLease({ client, etcd }: Cluster): Promise<{ granted: number; left: number }> {
  const found = await etcdctl(client, ['get', '/service/test/leader', '-w', 'json'], etcd)
  // More digits than a number of JavaScript has.
  const id = BigInt(/"lease":(\d+)/.exec(found)?.[1] ?? 0).toString(16)
  const said = await etcdctl(client, ['lease', 'timetolive', id], etcd)
  const [, granted, left] = /TTL\((\d+)s\), remaining\((-?\d+)s\)/.exec(said) ?? []
  return { granted: Number(granted ?? 0), left: Number(left ?? 0) }
}

test('SIGHUP: the log settings of the file are in force, what needs a new agent is named', async () => {
  const { agent, file, host } = cluster.node('pg3')
  const before = JSON.parse(await readFile(file, 'utf8'))
  const directory = join(cluster.stage.directory, host.name)
  await rewriteSections(file, {
    scope: 'other',
    log: { level: 'DEBUG', type: 'json', static_fields: { site: 'a' }, dir: directory, mode: 0o640 },
  })
  agent.signal('SIGHUP')
  const logged = async () => {
    await httpStatus(cluster.client, `http://${host.address}:${restPort}/replica`)
    const text = await readFile(join(directory, 'patroni.log'), 'utf8').catch(() => '')
    return /"levelname":"DEBUG","message":"API thread: .*","site":"a"/.test(text) ? text : false
  }
  const text = await until('its new log has a request at DEBUG', logged, 30_000, 100)
  expect(text).toContain('scope changed in the file; it takes effect when the agent is started again')
  await rewriteSections(file, { scope: before.scope, log: {} })
  const read = /local configuration reloaded/g
  const said = (await agent.log()).match(read)?.length ?? 0
  agent.signal('SIGHUP')
  const again = async () => ((await agent.log()).match(read)?.length ?? 0) > said
  await until('it writes to its standard output again', again, 30_000, 100)
  await cluster.healthy(60_000)
})

test('max_connections changes: hactl list shows on each node that a restart is pending', async () => {
  await cluster.mend()
  await cluster.healthy(60_000)
  await edit('postgresql.parameters.max_connections=123')
  const { client } = cluster
  const { file } = cluster.node('pg1')
  const pending = async () => {
    const members = await list(client, file)
    if (members.every(member => member['Pending restart'] === '*')) return members
    throw new Error(JSON.stringify(members))
  }
  const members = await until('all members are shown with it', pending, 40_000, 250)
  expect(JSON.stringify(members[0])).toMatch(/max_connections.*100.*123/)
  const leader = await cluster.primary(20_000)
  expect(await query(client, leader.host, 'show max_connections')).toBe('100')
})

test('a second node of the same name is refused', async () => {
  const { stage, client, etcd } = cluster
  const file = await writeMemberFile(stage, client, { etcd, name: 'pg2' })
  const agent = await startAgent(stage, client, file)
  await until('it has ended', agent.hasEnded, 40_000)
  expect(agent.exitCode()).toBe(1)
  await agent.says(/already a node named 'pg2' running/, 20_000)
  await cluster.healthy(60_000)
})

test('a node with the data of another cluster is refused, its data stays', async () => {
  const { stage, client, etcd } = cluster
  const file = await writeMemberFile(stage, client, { etcd, name: 'stranger' })
  const data = join(stage.directory, client.name, 'data')
  const initdb = [`${postgresBin}/initdb`, '-D', data, '--no-sync', '-A', 'trust', '-U', 'postgres']
  await runOn(client, [...asPostgres, ...initdb], 60_000)
  const before = await runOn(client, ['cat', join(data, 'PG_VERSION')])
  const agent = await startAgent(stage, client, file)
  await until('it has ended', agent.hasEnded, 40_000)
  expect(agent.exitCode()).toBe(1)
  await agent.says(/belongs to a different cluster/, 20_000)
  expect(await runOn(client, ['cat', join(data, 'PG_VERSION')])).toBe(before)
  expect((await list(client, cluster.node('pg1').file)).map(({ Member }) => Member)).not.toContain('stranger')
})

test('another cluster’s identifier written into the initialize key: the leader writes its own back, nobody ends', async () => {
  const incident = await beginIncident(cluster, 'initialize key overwritten')
  const key = '/service/test/initialize'
  const read = async () =>
    (await etcdctl(cluster.client, ['get', '--print-value-only', key], cluster.etcd)).trim()
  const own = await read()
  incident.strike()
  await etcdctl(cluster.client, ['put', key, '7000000000000000999'], cluster.etcd)
  await until('it is restored', async () => (await read()) === own, 30_000)
  await incident.leader.agent.says(/WARNING: leader\.restore-initialize/, 20_000)
  const measured = await incident.end()
  expect(cluster.nodes().filter(({ agent }) => agent.hasEnded())).toEqual([])
  expectUnnoticedByAll(incident, measured)
})

test('a name that nobody has, written into the leader key: everybody says why nobody leads; deleted, the cluster goes on', async () => {
  await cluster.mend()
  await cluster.healthy(60_000)
  const key = '/service/test/leader'
  await etcdctl(cluster.client, ['put', key, 'pg9'], cluster.etcd)
  const reason =
    /WARNING: follower\.key-without-lease: .* pg9 is not known here\. HINT: .*: etcdctl del \/service\/test\/leader/
  await Promise.all(cluster.nodes().map(({ agent }) => agent.says(reason, 40_000)))
  await etcdctl(cluster.client, ['del', key], cluster.etcd)
  await cluster.healthy(60_000)
})

test('a PostgreSQL that already runs becomes a cluster as it is: the same process, its rows, its leader', async () => {
  const { stage, client, etcd } = cluster
  const server = await startPlainPostgres(stage, client)
  await query(client, client, 'create table old as select 42 as answer')
  const data = join(stage.directory, `${client.name}-plain`)
  const write = (parameters: Record<string, string>) =>
    writeMemberFile(stage, client, {
      etcd,
      scope: 'adopted',
      name: 'old',
      postgresql: {
        data_dir: data,
        use_unix_socket: true,
        parameters: { unix_socket_directories: data, ...parameters },
        pg_hba: ['local all all trust', 'host all all 10.77.0.0/24 trust'],
      },
    })
  const before = await readdir(data)
  const hasty = await startAgent(stage, client, await write({}))
  await until('it has ended', hasty.hasEnded, 40_000, 100)
  expect(hasty.exitCode()).toBe(2)
  await hasty.says(/CRITICAL: Can't start; .*set postgresql\.parameters\.fsync, .*shared_buffers/, 20_000)
  expect(await readdir(data)).toEqual(before)
  const file = await write({ fsync: 'off', shared_buffers: '16MB' })
  const agent = await startAgent(stage, client, file)
  const leads = async () => (await httpStatus(client, `http://${client.address}:${restPort}/primary`)) === 200
  await until('it leads', leads, 40_000, 100)
  expect(server.hasEnded()).toBe(false)
  expect(await processesOn(client)).toContain(server.pid)
  expect(await query(client, client, 'select answer from old')).toBe('42')
  // It leads from the moment that etcd says so; its member key is written at the end of that beat, or of the next one.
  const listed = async () => {
    expect(await list(client, file)).toMatchObject([{ Member: 'old', Role: 'Leader', State: 'running' }])
    return true
  }
  await until('hactl list shows it', listed, 40_000, 250)
  await agent.stop('SIGTERM', 40_000)
  expect(agent.exitCode()).toBe(0)
  // This process, whose child it is, may hear of it a moment later.
  await until('the server has ended', server.hasEnded, 10_000)
})
