// What happens to a leader's PostgreSQL, agent and machine, under load, on one cluster whose nodes carry an etcd member each.
// Asynchronous replication: what no standby had received when a node died may be missing, and no more.

import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Fifo } from '../fencer/fifo.ts'
import { standsStill } from '../freeze.ts'
import { type Cluster, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticed, takeoverLimitMs } from './harness/incident.ts'
import { hactl, rewriteSections } from './harness/member.ts'
import { signalHost } from './harness/network.ts'
import { etcdctl, moveEtcdLeader } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'

/** The profile fast. */
const ttlMs = 5000
/** The least that the configuration allows. */
const SHORTEST_MS = 3000
/** What may be on its way to a standby when the primary dies. */
const inFlight = { lastMs: 2000 }
/** In which a new agent starts and takes the lease over, however busy the machine is. */
const restartTtlMs = 12_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster(
    { ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 },
    {},
    { etcd: 'together' },
  )
})

afterAll(() => cluster.stage.close())

async function fencerOf(name: string): Promise<number> {
  const { file } = cluster.node(name)
  const { postgresql } = JSON.parse(await readFile(file, 'utf8')) as { postgresql: { data_dir: string } }
  const noted = await readFile(`${postgresql.data_dir}.hactl/fencer.json`, 'utf8')
  return (JSON.parse(noted) as { pid: number }).pid
}

/** Changes the ttl, and waits until the leader holds a lease of that length. */
async function useTtl(ms: number, retryMs = 2000): Promise<void> {
  const settings = ['-s', `ttl=${ms / 1000}`, '-s', `retry_timeout=${retryMs / 1000}`]
  const ran = await hactl(cluster.client, cluster.node('pg1').file, ['edit-config', ...settings, '--force'])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
  const { client, etcd } = cluster
  const granted = async () => {
    // Not as JSON: the lease's number is too long for it.
    const key = await etcdctl(client, ['get', '-w', 'fields', '/service/test/leader'], etcd)
    const lease = BigInt(/"Lease" : (\d+)/.exec(key)?.[1] ?? 0).toString(16)
    return (await etcdctl(client, ['lease', 'timetolive', lease], etcd)).includes(`TTL(${ms / 1000}s)`)
  }
  await until(`the leader has a lease of ${ms} ms`, granted, 40_000, 200)
}

test('kill -9 of its PostgreSQL: heals in place on the same timeline, nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'kill -9 of the leader’s PostgreSQL, agent alive')
  const { leader } = incident
  const postmaster = await postmasterOf(cluster.stage, leader)
  incident.strike()
  process.kill(postmaster, 'SIGKILL')
  const next = await incident.writesAgain(30_000)
  expect(next.host.name).toBe(leader.host.name)
  const { reigns, serverGap } = await incident.end()
  expect(reigns).toHaveLength(1)
  expect(serverGap.ms).toBeLessThan(4000)
})

test('kill -9 of its agent, started again within the lease: no write is refused', async () => {
  await cluster.mend()
  await cluster.healthy(60_000)
  onTestFinished(() => useTtl(ttlMs))
  await useTtl(restartTtlMs)
  const incident = await beginIncident(cluster, 'kill -9 of the leader’s agent, started again at once')
  const { leader } = incident
  const postmaster = await postmasterOf(cluster.stage, leader)
  incident.strike()
  await leader.agent.stop('SIGKILL')
  await cluster.restart(leader.host.name)
  const { agent } = cluster.node(leader.host.name)
  await agent.says(/adopt-lease/, 30_000)
  // Beyond the old lease: had it not been taken over, somebody would have noticed by now.
  const endMs = nowMs() + restartTtlMs
  await until('the old lease would have ended', () => nowMs() > endMs, restartTtlMs + 5000)
  // Not of the application: HAProxy may find nobody at the new agent's port twice in a row, and cut its connection.
  expectUnnoticed(incident, await incident.end())
  expect(await postmasterOf(cluster.stage, leader)).toBe(postmaster)
})

test('kill -9 of its agent, not started again: PostgreSQL is stopped in time and another node takes over', async () => {
  const incident = await beginIncident(cluster, 'kill -9 of the leader’s agent')
  const { leader } = incident
  incident.strike()
  await leader.agent.stop('SIGKILL')
  await incident.writesAgain(40_000, leader)
  await cluster.restart(leader.host.name)
  const measured = await incident.end({ mayLose: inFlight })
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured))
})

test.each([
  { which: 'a follower', leads: false },
  { which: 'the leader', leads: true },
])('power cut: agent, PostgreSQL and an etcd member at once, which was $which of etcd', async cut => {
  const incident = await beginIncident(
    cluster,
    `power cut of the leader’s machine, with ${cut.which} of etcd`,
  )
  const { leader } = incident
  const [other] = cluster.others(leader)
  if (other === undefined) throw new Error('no replica')
  await moveEtcdLeader(cluster.client, cluster.etcd, cut.leads ? leader.host : other.host)
  incident.strike()
  await signalHost(leader.host, 'SIGKILL')
  await incident.writesAgain(40_000, leader)
  await cluster.restart(leader.host.name)
  const measured = await incident.end({ mayLose: inFlight })
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured))
})

test('SIGSTOP of its agent for longer than the lease, then SIGCONT: another node takes over, the old one rejoins', async () => {
  const incident = await beginIncident(cluster, 'SIGSTOP of the leader’s agent')
  const { leader } = incident
  incident.strike()
  leader.agent.signal('SIGSTOP')
  await incident.writesAgain(40_000, leader)
  leader.agent.signal('SIGCONT')
  const measured = await incident.end({ mayLose: inFlight })
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured))
})

/** By hand, with HACTL_LONG=1: a minute. */
test.skipIf(process.env.HACTL_LONG !== '1')(
  'SIGSTOP of its agent and its fencer: nobody feeds the watchdog, which resets the machine before another node leads',
  async () => {
    onTestFinished(() => useTtl(ttlMs))
    await useTtl(restartTtlMs)
    const incident = await beginIncident(cluster, 'SIGSTOP of the leader’s agent and fencer, with a watchdog')
    const { leader } = incident
    const device = await Fifo.open(`${leader.file}.watchdog`)
    onTestFinished(() => device.close())
    // Half of the ttl.
    const section = { mode: 'required', driver: 'testing', device: device.path, safety_margin: -1 }
    await rewriteSections(leader.file, { watchdog: section })
    leader.agent.signal('SIGHUP')
    await until('the watchdog is fed', async () => /^Ctimeout=6\n1{3,}$/.test(await device.written()), 40_000)
    const fencer = await fencerOf(leader.host.name)
    incident.strike()
    leader.agent.signal('SIGSTOP')
    process.kill(fencer, 'SIGSTOP')
    await Promise.all([leader.agent.pid, fencer].map(standsStill))
    const fed = await device.written()
    const firesAtMs = nowMs() + 6000
    await until('the device fires', () => nowMs() >= firesAtMs, 10_000)
    expect(await device.written()).toBe(fed)
    await signalHost(leader.host, 'SIGKILL')
    await incident.writesAgain(60_000, leader)
    await rewriteSections(leader.file, { watchdog: { mode: 'off' } })
    await cluster.restart(leader.host.name)
    await incident.end({ mayLose: { lastMs: restartTtlMs } })
  },
)

test('SIGTERM of its agent: PostgreSQL is stopped cleanly, the lease handed on at once, nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'SIGTERM of the leader’s agent')
  const { leader } = incident
  incident.strike()
  await leader.agent.stop('SIGTERM', 40_000)
  await incident.writesAgain(30_000, leader)
  expect(leader.agent.exitCode()).toBe(0)
  await cluster.restart(leader.host.name)
  const { serverGap } = await incident.end()
  expect(serverGap.ms).toBeLessThan(2500)
})

test('power cut with the shortest ttl, 3 s: another node takes over', async () => {
  onTestFinished(() => useTtl(ttlMs))
  await useTtl(SHORTEST_MS, 1000)
  const incident = await beginIncident(cluster, 'power cut of the leader’s machine, ttl 3')
  const { leader } = incident
  const [other] = cluster.others(leader)
  if (other === undefined) throw new Error('no replica')
  await moveEtcdLeader(cluster.client, cluster.etcd, other.host)
  incident.strike()
  await signalHost(leader.host, 'SIGKILL')
  await incident.writesAgain(40_000, leader)
  await cluster.restart(leader.host.name)
  const measured = await incident.end({ mayLose: inFlight })
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(SHORTEST_MS, measured))
})
