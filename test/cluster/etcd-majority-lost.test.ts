// Two of three members of etcd frozen or killed for 50 s under load. In failsafe mode nobody notices; without it the primary
// stops before its lease ends, and nobody else leads. Afterwards a leader leads by its lease. With HACTL_LONG=1 only: ten
// minutes.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './harness/cluster.ts'
import { bringBack, ledByLease, loseMajority, printFigures, throughout } from './harness/etcd-outage.ts'
import { beginIncident, expectUnnoticed, type Incident, type Measured } from './harness/incident.ts'
import { edit, type Mode, useFailsafe, withRole } from './harness/modes.ts'
import { signalHost } from './harness/network.ts'
import { getText, httpStatus, restPort } from './harness/servers.ts'
import { until } from './harness/until.ts'

const [ttlMs, loopWaitMs] = [8000, 1000]
const awayMs = 50_000
/** After healing. etcd may vote once more, which begins each lease anew. */
const ledAgainLimitMs = ({ etcdVotes }: Measured) =>
  ttlMs + 2 * loopWaitMs + Math.max(0, etcdVotes - 1) * ttlMs

let cluster: Cluster

async function useMode(failsafe: boolean, mode: Mode): Promise<void> {
  await cluster.mend()
  await cluster.healthy(60_000)
  await useFailsafe(cluster, failsafe)
  await edit(cluster, `synchronous_mode=${mode}`)
  await withRole(cluster, mode, mode === 'on' ? 1 : 2)
}

/** None of the others is primary. */
async function nobodyElseLeads({ leader }: Incident): Promise<void> {
  for (const { host } of cluster.others(leader)) {
    const status = await httpStatus(cluster.client, `http://${host.address}:${restPort}/primary`)
    expect(status, `/primary of ${host.name}`).not.toBe(200)
  }
}

beforeAll(async () => {
  cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: loopWaitMs / 1000, retry_timeout: 2 })
})

afterAll(() => cluster.stage.close())

test.each([
  { how: 'frozen', mode: 'off' },
  { how: 'killed', mode: 'off' },
  { how: 'frozen', mode: 'on' },
  { how: 'killed', mode: 'quorum' },
] as const)('$how, failsafe mode on, synchronous mode $mode: no write is refused', async ({ how, mode }) => {
  await useMode(true, mode)
  const name = `two of three etcd members ${how} for ${awayMs} ms, failsafe on, synchronous ${mode}`
  const incident = await beginIncident(cluster, name)
  incident.strike()
  const lost = await loseMajority(cluster, how)
  await throughout(awayMs, () => nobodyElseLeads(incident))
  const document = JSON.parse(await getText(cluster.client, incident.leader.host, '/patroni'))
  expect(document).toMatchObject({ role: 'primary', failsafe_mode_is_active: true })
  const backMs = await bringBack(cluster, lost, how, host => cluster.restartEtcd(host))
  const led = await ledByLease(cluster, 60_000)
  const measured = await incident.end()
  printFigures(name, { 'by lease again after': led.atMs - backMs })
  expectUnnoticed(incident, measured)
  expect(led.name).toBe(incident.leader.host.name)
  expect(led.atMs - backMs).toBeLessThan(ledAgainLimitMs(measured))
})

test.each(['frozen', 'killed'] as const)('%s, failsafe mode off: the primary stops in time', async how => {
  await useMode(false, 'off')
  const name = `two of three etcd members ${how} for ${awayMs} ms, failsafe off`
  const incident = await beginIncident(cluster, name)
  const { leader, watcher } = incident
  incident.strike()
  const lost = await loseMajority(cluster, how)
  // No lease can be confirmed from here on. By the wall clock, which is the one that an insert is noted by.
  const goneWallMs = Date.now()
  await throughout(awayMs, () => nobodyElseLeads(incident))
  expect(await httpStatus(cluster.client, `http://${leader.host.address}:${restPort}/primary`)).toBe(503)
  const written = (await watcher.acknowledgements()).at(-1)?.executedMs ?? 0
  expect(written).toBeLessThan(goneWallMs + ttlMs)
  // The agent did it, in good order, and not the fencer.
  expect(await leader.agent.log()).toMatch(/blind\.demote|stopping PostgreSQL/)
  const backMs = await bringBack(cluster, lost, how, host => cluster.restartEtcd(host))
  const led = await ledByLease(cluster, 60_000)
  await incident.writesAgain(40_000)
  const measured = await incident.end()
  printFigures(name, {
    'last write after': written - goneWallMs,
    'by lease again after': led.atMs - backMs,
    'writes again after': measured.serverGap.toMs - backMs,
  })
  expect(led.atMs - backMs).toBeLessThan(ledAgainLimitMs(measured))
})

test('frozen, failsafe mode on, and the leader is lost: nobody leads before etcd is back', async () => {
  await useMode(true, 'off')
  const name = 'two of three etcd members frozen, failsafe on, and the leader killed'
  const incident = await beginIncident(cluster, name)
  const { leader } = incident
  const lost = await loseMajority(cluster, 'frozen')
  const goesOn = async () =>
    JSON.parse(await getText(cluster.client, leader.host, '/patroni')).failsafe_mode_is_active === true
  await until('the leader goes on by the word of its members', goesOn, ttlMs + 5000, 100)
  await throughout(2 * ttlMs, () => nobodyElseLeads(incident))
  incident.strike()
  await signalHost(leader.host, 'SIGKILL')
  await throughout(3 * ttlMs, () => nobodyElseLeads(incident))
  const backMs = await bringBack(cluster, lost, 'frozen')
  const led = await ledByLease(cluster, 60_000)
  await incident.writesAgain(40_000, leader)
  await cluster.restart(leader.host.name)
  const measured = await incident.end({ mayLose: { lastMs: 1000 } })
  printFigures(name, {
    'by lease again after': led.atMs - backMs,
    'writes again after': measured.serverGap.toMs - backMs,
  })
  expect(led.name).not.toBe(leader.host.name)
  expect(led.atMs - backMs).toBeLessThan(ledAgainLimitMs(measured))
})
