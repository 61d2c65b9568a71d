// Synchronous and quorum mode under load: who is shown as synchronous, that the death of the leader loses no acknowledged
// row, that nobody is promoted who may lack one, and that modes are switched without a commit that is not protected. One test
// always runs; all together take five minutes, with HACTL_LONG=1.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Cluster, type Node, startCluster } from './harness/cluster.ts'
import { throughout } from './harness/etcd-outage.ts'
import { beginIncident, takeoverLimitMs } from './harness/incident.ts'
import { hactl } from './harness/member.ts'
import { edit, useMode, withRole } from './harness/modes.ts'
import { cut, heal, signalHost } from './harness/network.ts'
import { etcdctl, httpStatus, query, restPort } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'

const ttlMs = 5000
const isLong = process.env.HACTL_LONG === '1'
const ifLong = test.skipIf(!isLong)
/** In which commits go on when a standby that is waited for is lost: PostgreSQL notices, and the leader replaces it. */
const replacedLimitMs = 10_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

const status = ({ host }: Node, path: string) =>
  httpStatus(cluster.client, `http://${host.address}:${restPort}${path}`)

/** Kills the leader's agent and PostgreSQL at once. */
async function killNode({ host }: Node): Promise<void> {
  await signalHost(host, 'SIGKILL')
}

ifLong('synchronous_mode on: one standby is shown as synchronous, by every reader', async () => {
  const [standby] = await useMode(cluster, 'on')
  if (standby === undefined) throw new Error('no synchronous standby')
  const leader = await cluster.primary(20_000)
  const [other] = cluster.others(leader).filter(({ host }) => host.name !== standby.host.name)
  if (other === undefined) throw new Error('no asynchronous standby')
  const checks = ['/sync', '/synchronous', '/read-only-sync', '/async', '/quorum']
  const statuses = (node: Node) => Promise.all(checks.map(path => status(node, path)))
  expect(await statuses(standby)).toEqual([200, 200, 200, 503, 503])
  expect(await statuses(other)).toEqual([503, 503, 503, 200, 503])
  expect(await statuses(leader)).toEqual([503, 503, 200, 503, 503])
  const key = JSON.parse(
    await etcdctl(cluster.client, ['get', '--print-value-only', '/service/test/sync'], cluster.etcd),
  )
  expect(key).toEqual({ leader: leader.host.name, quorum: 0, sync_standby: standby.host.name })
  const names = await query(cluster.client, leader.host, 'show synchronous_standby_names')
  expect(names).toBe(standby.host.name)
  const ran = await hactl(cluster.client, leader.file, ['check'])
  expect(ran, ran.stdout).toMatchObject({ code: 0 })
})

ifLong(
  'a switchover without a candidate goes to the synchronous standby, to the other one it is refused',
  async () => {
    const [standby] = await useMode(cluster, 'on')
    if (standby === undefined) throw new Error('no synchronous standby')
    const incident = await beginIncident(cluster, 'switchover in synchronous mode')
    const { leader } = incident
    const other = cluster.others(leader).find(({ host }) => host.name !== standby.host.name)
    const refused = await hactl(cluster.client, leader.file, [
      ...['switchover', '--force', '--candidate', other?.host.name ?? ''],
    ])
    expect(refused).toMatchObject({ code: 3 })
    expect(refused.stderr).toContain(`not a synchronous standby (${standby.host.name})`)
    incident.strike()
    const ran = await hactl(cluster.client, leader.file, ['switchover', '--force'])
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    const next = await incident.writesAgain(30_000, leader)
    expect(next.host.name).toBe(standby.host.name)
    await incident.end()
  },
)

test.each([{ mode: 'on', count: 1 }, ...(isLong ? [{ mode: 'quorum', count: 2 } as const] : [])] as const)(
  '$mode: kill -9 of the leader’s PostgreSQL and agent loses no acknowledged row',
  async ({ mode, count }) => {
    const voters = await useMode(cluster, mode, count)
    const incident = await beginIncident(cluster, `kill -9 of PostgreSQL and agent, mode ${mode}`)
    const { leader } = incident
    incident.strike()
    await killNode(leader)
    const next = await incident.writesAgain(40_000, leader)
    expect(voters.map(({ host }) => host.name)).toContain(next.host.name)
    await cluster.restart(leader.host.name)
    const measured = await incident.end()
    expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured))
  },
)

ifLong('an asynchronous standby is not promoted while the synchronous one is cut off', async () => {
  const [standby] = await useMode(cluster, 'on')
  if (standby === undefined) throw new Error('no synchronous standby')
  const incident = await beginIncident(cluster, 'leader killed, synchronous standby cut off')
  const { leader } = incident
  // So that the leader cannot choose another one before it dies.
  leader.agent.signal('SIGSTOP')
  await cut(standby.host)
  onTestFinished(() => heal(standby.host))
  await killNode(leader)
  incident.strike()
  const other = cluster.others(leader).find(({ host }) => host.name !== standby.host.name)
  if (other === undefined) throw new Error('no asynchronous standby')
  await throughout(ttlMs * 3, async () => {
    expect(await status(other, '/primary'), 'the asynchronous standby').not.toBe(200)
  })
  await heal(standby.host)
  const next = await incident.writesAgain(40_000, leader)
  expect(next.host.name).toBe(standby.host.name)
  await cluster.restart(leader.host.name)
  await incident.end()
})

ifLong.each([
  { mode: 'on', count: 1 },
  { mode: 'quorum', count: 2 },
] as const)('$mode: a synchronous standby is lost and comes back under load', async ({ mode, count }) => {
  const [standby] = await useMode(cluster, mode, count)
  if (standby === undefined) throw new Error('no synchronous standby')
  const incident = await beginIncident(
    cluster,
    `a synchronous standby is killed and comes back, mode ${mode}`,
  )
  const { leader } = incident
  incident.strike()
  await killNode(standby)
  await incident.writesAgain(replacedLimitMs * 2)
  // The other one is waited for instead.
  await withRole(cluster, mode, 1)
  await cluster.restart(standby.host.name)
  const measured = await incident.end()
  await withRole(cluster, mode, count)
  expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address])
  expect(measured.serverGap.ms).toBeLessThan(replacedLimitMs)
})

ifLong('the mode is switched under load: on, quorum, off, and no write is refused', async () => {
  await useMode(cluster, 'off')
  const incident = await beginIncident(cluster, 'on, quorum, on, off under load')
  const { leader } = incident
  incident.strike()
  for (const [mode, count] of [
    ['on', 1],
    ['quorum', 2],
    ['on', 1],
    ['off', 2],
  ] as const) {
    await edit(cluster, `synchronous_mode=${mode}`)
    await withRole(cluster, mode, count)
    await incident.writesAgain(20_000)
  }
  expect(await query(cluster.client, leader.host, 'show synchronous_standby_names')).toBe('')
  const { reigns, refusals } = await incident.end()
  expect(reigns.map(({ server }) => server)).toEqual([leader.host.address])
  expect(refusals).toEqual([])
})

ifLong(
  'strict and no standby left: commits wait, that is said, and they go on when one is back',
  async () => {
    await useMode(cluster, 'on', 1, true)
    onTestFinished(() => edit(cluster, 'synchronous_mode=off', 'synchronous_mode_strict=null'))
    const incident = await beginIncident(cluster, 'strict, both standbys killed')
    const { leader } = incident
    const standbys = cluster.others(leader)
    incident.strike()
    for (const standby of standbys) await killNode(standby)
    const waits = async () => {
      const { code, stdout } = await hactl(cluster.client, leader.file, ['check', '--timeout', '5'])
      if (code === 3 && stdout.includes('every commit waits')) return true
      throw new Error(stdout)
    }
    await until('check says that every commit waits', waits, 40_000, 500)
    const before = (await incident.watcher.acknowledgements()).length
    const endMs = nowMs() + 3000
    await until('no commit ends', () => nowMs() > endMs, 10_000)
    expect((await incident.watcher.acknowledgements()).length).toBe(before)
    // The server leads all the same, and reads go on.
    expect(await query(cluster.client, leader.host, 'select 1')).toBe('1')
    for (const { host } of standbys) await cluster.restart(host.name)
    const next = await incident.writesAgain(60_000)
    expect(next.host.name).toBe(leader.host.name)
    await incident.end()
  },
)
