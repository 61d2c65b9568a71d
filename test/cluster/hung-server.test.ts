// The primary's PostgreSQL hangs, with the timing that a cluster has by default: the lease would be kept for ever, because
// the agent lives. Another node takes over within 10 s, when the hung server is known to be dead.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { descendantsOf, listProcesses } from '../../src/system/proc.ts'
import { type Cluster, list, type Node, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident } from './harness/incident.ts'
import { SYNCHRONOUS_MODES, useMode } from './harness/modes.ts'
import { httpStatus, restPort } from './harness/servers.ts'

const takeoverLimitMs = 10_000
const ifLong = test.skipIf(process.env.HACTL_LONG !== '1')
/** What may be on its way to a standby when the primary is stopped. */
const inFlight = { lastMs: 1000 }

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: 30, loop_wait: 10, retry_timeout: 10 })
})

afterAll(() => cluster.stage.close())

async function postgresOf(node: Node): Promise<readonly number[]> {
  const postmaster = await postmasterOf(cluster.stage, node)
  return [postmaster, ...descendantsOf(postmaster, await listProcesses()).map(({ pid }) => pid)]
}

test('SIGSTOP of all its processes: another node leads within 10 s, no second writer', async () => {
  const incident = await beginIncident(cluster, 'SIGSTOP of the whole PostgreSQL of the leader')
  const { leader } = incident
  const pids = await postgresOf(leader)
  incident.strike()
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  const next = await incident.writesAgain(30_000, leader)
  expect(await httpStatus(cluster.client, `http://${leader.host.address}:${restPort}/primary`)).toBe(503)
  await leader.agent.says(/PostgreSQL has answered no session, old or new, for \d/, 1000)
  const measured = await incident.end({ mayLose: inFlight })
  expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs)
})

ifLong(
  'SIGSTOP of the postmaster alone: open sessions go on for a while, then another node leads',
  async () => {
    const incident = await beginIncident(cluster, 'SIGSTOP of the postmaster of the leader')
    const { leader } = incident
    const [postmaster = 0] = await postgresOf(leader)
    incident.strike()
    process.kill(postmaster, 'SIGSTOP')
    const next = await incident.writesAgain(40_000, leader)
    const shown = await list(cluster.client, next.file)
    expect(shown.find(({ Role }) => Role === 'Leader')?.Member).toBe(next.host.name)
    const measured = await incident.end({ mayLose: inFlight })
    expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs)
  },
)

ifLong.each(SYNCHRONOUS_MODES)(
  '%s: SIGSTOP of all its processes: a standby that has everything leads within 10 s, no acknowledged row is lost',
  async mode => {
    const voters = await useMode(cluster, mode)
    const incident = await beginIncident(
      cluster,
      `SIGSTOP of the whole PostgreSQL of the leader, mode ${mode}`,
    )
    const { leader } = incident
    const pids = await postgresOf(leader)
    incident.strike()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    const next = await incident.writesAgain(30_000, leader)
    expect(voters.map(({ host }) => host.name)).toContain(next.host.name)
    const measured = await incident.end()
    expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
    // HAProxy's checks come on top, on a busy machine a second.
    expect(measured.serverGap.ms).toBeLessThan(takeoverLimitMs)
  },
)
