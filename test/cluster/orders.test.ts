// What an operator asks of one node while an application writes: restart of the leader, now and at a time; a new copy of a
// standby's data, and one that is cancelled by a second request.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pidExists } from '../../src/system/proc.ts'
import { standsStill } from '../freeze.ts'
import { type Cluster, type Node, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident, type Incident } from './harness/incident.ts'
import { runOn } from './harness/network.ts'
import { restPort } from './harness/servers.ts'
import { until } from './harness/until.ts'

/** It takes about a second: many times that, and less than the lease and an election would take on a busy machine. */
const restartLimitMs = 20_000

/** A server that does not come up gets 0.2 s to obey SIGQUIT. */
const killedLimitMs = 4000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster(
    { ttl: 20, loop_wait: 2, retry_timeout: 5 },
    // Slow enough to be cancelled in the middle.
    { postgresql: { basebackup: [{ 'max-rate': '4M' }] } },
    { etcd: 'together' },
  )
})

afterAll(() => cluster.stage.close())

/** `200 restarted successfully` */
async function ask(node: Node, method: string, path: string, body?: object): Promise<string> {
  const url = `http://${node.host.address}:${restPort}/${path}`
  const data = body === undefined ? [] : ['-d', JSON.stringify(body)]
  return runOn(cluster.client, ['curl', '-s', '-m', '60', '-X', method, '-w', ' %{http_code}', ...data, url])
}

interface Status {
  readonly state: string
  readonly scheduled_restart?: unknown
  readonly hactl: { readonly work?: { readonly kind: string; readonly phase: string } }
}

async function status(node: Node): Promise<Status> {
  return JSON.parse((await ask(node, 'GET', 'patroni')).replace(/ \d+$/, '')) as Status
}

/** The same server goes on, on the same timeline, after one gap. */
async function expectSameLeader(incident: Incident, postmaster: number): Promise<void> {
  const { leader } = incident
  const { reigns, serverGap } = await incident.end()
  expect(new Set(reigns.map(({ server }) => server))).toEqual(new Set([leader.host.address]))
  expect(serverGap.ms).toBeLessThan(restartLimitMs)
  expect(await postmasterOf(cluster.stage, leader)).not.toBe(postmaster)
  expect((await cluster.primary(20_000)).host.name).toBe(leader.host.name)
}

test('restart of the leader: one gap, no failover, nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'restart of the leader')
  const { leader } = incident
  const postmaster = await postmasterOf(cluster.stage, leader)
  incident.strike()
  expect(await ask(leader, 'POST', 'restart', { role: 'replica' })).toBe(
    'restart conditions are not satisfied 503',
  )
  expect(await ask(leader, 'POST', 'restart')).toBe('restarted successfully 200')
  await expectSameLeader(incident, postmaster)
})

/** As on a disk that hangs: it is there, and does not come up. Its pid; null: it was up sooner, and goes on. */
async function freezeNextServer(node: Node, before: number): Promise<number | null> {
  const isNew = async () => {
    const pid = await postmasterOf(cluster.stage, node)
    return pid !== before && pid
  }
  const pid = await until('the next server is there', isNew, 30_000, 5)
  process.kill(pid, 'SIGSTOP')
  await standsStill(pid)
  // The line of its state. Clients of a server that is up go on writing while its postmaster stands still.
  const file = join(cluster.stage.directory, node.host.name, 'data', 'postmaster.pid')
  const state = (await readFile(file, 'utf8')).split('\n')[7]?.trim()
  if (state !== 'ready') return pid
  process.kill(pid, 'SIGCONT')
  return null
}

/** Asks for a restart until the new server could be frozen before it was up; gives its pid. */
async function restartThatHangs(incident: Incident): Promise<number> {
  const { leader } = incident
  for (let attempt = 0; attempt < 5; attempt++) {
    const postmaster = await postmasterOf(cluster.stage, leader)
    incident.strike()
    const answer = ask(leader, 'POST', 'restart', { timeout: 2 })
    const frozen = await freezeNextServer(leader, postmaster)
    if (frozen !== null) {
      expect(await answer).toBe('postgres is still starting 503')
      return frozen
    }
    await answer
    await cluster.healthy(60_000)
  }
  throw new Error('the new server was up five times before it could be frozen')
}

test('a restart whose server does not come up in its time: a standby takes over, nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'restart of the leader that hangs')
  const { leader } = incident
  const frozen = await restartThatHangs(incident)
  await leader.agent.says(/starting\.fail-over: .* can take over/, 20_000)
  // SIGQUIT does nothing to a process that stands still: waiting for it took 9 s of the lease.
  await until('the frozen server is killed', () => !pidExists(frozen), killedLimitMs, 20)
  const { reigns } = await incident.end({ limitMs: 120_000 })
  expect(reigns.at(-1)?.server).not.toBe(leader.host.address)
})

test('a scheduled restart of the leader is shown, happens once at its time, and is gone', async () => {
  const incident = await beginIncident(cluster, 'scheduled restart of the leader')
  const { leader } = incident
  const postmaster = await postmasterOf(cluster.stage, leader)
  incident.strike()
  const schedule = new Date(Date.now() + 5000).toISOString()
  expect(await ask(leader, 'POST', 'restart', { schedule })).toBe('Restart scheduled 202')
  expect(await ask(leader, 'POST', 'restart', { schedule })).toBe('Another restart is already scheduled 409')
  expect((await status(leader)).scheduled_restart).toBeDefined()
  const isOver = async () => (await status(leader)).scheduled_restart === undefined
  await until('the scheduled restart is over', isOver, 60_000, 200)
  await leader.agent.says(/leader\.restart: .* scheduled for/, 20_000)
  await expectSameLeader(incident, postmaster)
  expect(await ask(leader, 'DELETE', 'restart')).toBe('no restarts are scheduled 404')
})

test('a standby is copied anew during writes, and a copy in progress is cancelled for another', async () => {
  const incident = await beginIncident(cluster, 'a standby is copied anew, twice')
  const { leader } = incident
  expect(await ask(leader, 'POST', 'reinitialize')).toBe('I am the leader, can not reinitialize 503')
  const [standby] = cluster.others(leader)
  if (standby === undefined) throw new Error('no standby')
  incident.strike()
  expect(await ask(standby, 'POST', 'reinitialize')).toBe('reinitialize started 200')
  const copies = async () => (await status(standby)).hactl.work?.kind === 'clone'
  await until('the copy shows', copies, 30_000, 50)
  expect(await ask(standby, 'POST', 'restart')).toBe('reinitialize already in progress 503')
  expect(await ask(standby, 'POST', 'reinitialize')).toBe('reinitialize already in progress 503')
  expect(await ask(standby, 'POST', 'reinitialize', { force: true })).toBe('reinitialize started 200')
  await standby.agent.says(/busy\.reinit-cancels/, 20_000)
  const { reigns, serverGap } = await incident.end({ limitMs: 120_000 })
  expect(reigns.map(({ server }) => server)).toEqual([leader.host.address])
  expect(serverGap.ms).toBeLessThan(restartLimitMs)
})
