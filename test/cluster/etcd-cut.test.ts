// The leader's way to etcd is broken in one direction or in both, while its standbys and clients reach it. Without failsafe
// mode another node takes over when the lease ends; in failsafe mode the leader goes on by the word of its members. With
// HACTL_LONG=1 only: eight minutes.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './harness/cluster.ts'
import { ledByLease, printFigures, throughout } from './harness/etcd-outage.ts'
import { beginIncident, expectUnnoticed, takeoverLimitMs } from './harness/incident.ts'
import { edit, useFailsafe, withRole } from './harness/modes.ts'
import { type Cut, cut, heal } from './harness/network.ts'
import { getText, httpStatus, restPort } from './harness/servers.ts'
import { nowMs } from './harness/until.ts'

const [ttlMs, loopWaitMs] = [5000, 1000]
/** Long enough that a lease, and the promises that followed it, have ended more than once. */
const cutMs = 4 * ttlMs

const directions: readonly { readonly direction: NonNullable<Cut['direction']>; readonly what: string }[] = [
  { direction: 'out', what: 'packets to etcd are dropped' },
  { direction: 'in', what: 'packets from etcd are dropped' },
  { direction: 'both', what: 'packets to and from etcd are dropped' },
]
const cuts = directions.flatMap(each => (['off', 'on'] as const).map(mode => ({ ...each, mode })))

let cluster: Cluster

/** Gives the synchronous standbys. */
async function useMode(failsafe: boolean, mode: 'on' | 'off'): Promise<readonly string[]> {
  await cluster.mend()
  await cluster.healthy(60_000)
  await useFailsafe(cluster, failsafe)
  await edit(cluster, `synchronous_mode=${mode}`)
  const found = await withRole(cluster, mode, mode === 'on' ? 1 : 2)
  return found.map(({ host }) => host.name)
}

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: loopWaitMs / 1000, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

test.each(cuts)('$what, synchronous mode $mode: another one leads', async ({ what, direction, mode }) => {
  const may = await useMode(false, mode)
  const incident = await beginIncident(cluster, `${what}, failsafe off, synchronous ${mode}`)
  const { leader } = incident
  incident.strike()
  await cut(leader.host, { peers: cluster.etcd, direction })
  const next = await incident.writesAgain(40_000, leader)
  expect(may).toContain(next.host.name)
  await heal(leader.host)
  // The standbys still reach the leader, and a stop in good order gives them the rest: nothing is lost in either mode.
  const measured = await incident.end()
  // Etcd hears a leader that hears nobody, and renews its lease until the leader has tried every open connection.
  const longerMs = direction === 'in' ? 2000 : 0
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured) + longerMs)
})

test.each(cuts)(
  '$what, synchronous mode $mode, failsafe mode: it leads on',
  async ({ what, direction, mode }) => {
    await useMode(true, mode)
    const name = `${what} for ${cutMs} ms, failsafe on, synchronous ${mode}`
    const incident = await beginIncident(cluster, name)
    const { leader } = incident
    incident.strike()
    await cut(leader.host, { peers: cluster.etcd, direction })
    await throughout(cutMs, async () => {
      for (const { host } of cluster.others(leader)) {
        const status = await httpStatus(cluster.client, `http://${host.address}:${restPort}/primary`)
        expect(status, `/primary of ${host.name}`).not.toBe(200)
      }
    })
    const document = JSON.parse(await getText(cluster.client, leader.host, '/patroni'))
    expect(document).toMatchObject({ role: 'primary', failsafe_mode_is_active: true })
    await heal(leader.host)
    const healedMs = nowMs()
    const led = await ledByLease(cluster, 60_000)
    const measured = await incident.end()
    printFigures(name, { 'by lease again after': led.atMs - healedMs })
    expectUnnoticed(incident, measured)
    expect(led.name).toBe(leader.host.name)
    expect(led.atMs - healedMs).toBeLessThan(ttlMs + 2 * loopWaitMs + measured.etcdVotes * ttlMs)
  },
)
