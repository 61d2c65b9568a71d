// The leader loses what guards its lease, in the modes that promise that no acknowledged row is lost: its fencer, its agent, both
// at once by kill -9, or both frozen. And its synchronous standby loses its agent. By hand, with HACTL_LONG=1: seven minutes.

import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { freeze } from '../freeze.ts'
import { type Cluster, type Node, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticed, type Measured, takeoverLimitMs } from './harness/incident.ts'
import { SYNCHRONOUS_MODES, useMode } from './harness/modes.ts'
import { processesOn } from './harness/network.ts'
import { nowMs, until } from './harness/until.ts'

const ttlMs = 5000
const isLong = process.env.HACTL_LONG === '1'
const inEachMode = test.skipIf(!isLong).each(SYNCHRONOUS_MODES)

let cluster: Cluster

beforeAll(async () => {
  if (isLong) cluster = await startCluster({ ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 })
})

afterAll(() => cluster?.stage.close())

async function fencersOn({ host }: Node): Promise<readonly number[]> {
  const ids = await processesOn(host)
  const names = await Promise.all(ids.map(pid => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')))
  return ids.filter((_, index) => names[index]?.startsWith('hactl-fencer'))
}

/** An armed one. */
async function fencerOf(node: Node): Promise<number> {
  const [pid, ...more] = await until(
    'one fencer',
    async () => {
      const found = await fencersOn(node)
      return found.length === 1 ? found : null
    },
    20_000,
  )
  if (pid === undefined || more.length > 0) throw new Error('one fencer')
  return pid
}

async function twoLeasesLater(): Promise<void> {
  const endMs = nowMs() + 2 * ttlMs
  await until('two leases later', () => nowMs() > endMs, 3 * ttlMs)
}

/** Another node leads within a lease, and it is one of those that have everything. */
async function isTakenOver(
  leader: Node,
  voters: readonly Node[],
  next: Node,
  measured: Measured,
): Promise<void> {
  expect(voters.map(({ host }) => host.name)).toContain(next.host.name)
  expect(measured.reigns.map(({ server }) => server)).toEqual([leader.host.address, next.host.address])
  expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured))
}

inEachMode('%s: kill -9 of its fencer: another one is armed, nobody notices', async mode => {
  await useMode(cluster, mode)
  const incident = await beginIncident(cluster, `kill -9 of the leader’s fencer, mode ${mode}`)
  const { leader } = incident
  const before = await fencerOf(leader)
  incident.strike()
  process.kill(before, 'SIGKILL')
  const after = await until(
    'another fencer',
    async () => (await fencersOn(leader)).find(pid => pid !== before),
    5000,
  )
  expect(after).not.toBe(before)
  await twoLeasesLater()
  expectUnnoticed(incident, await incident.end())
})

inEachMode('%s: kill -9 of its agent: its fencer stops PostgreSQL, another node leads', async mode => {
  const voters = await useMode(cluster, mode)
  const incident = await beginIncident(cluster, `kill -9 of the leader’s agent, mode ${mode}`)
  const { leader } = incident
  incident.strike()
  await leader.agent.stop('SIGKILL')
  const next = await incident.writesAgain(40_000, leader)
  await cluster.restart(leader.host.name)
  await isTakenOver(leader, voters, next, await incident.end())
})

// Nothing on this machine stops the old primary then, but a watchdog. Mode on loses nothing: its synchronous standby acknowledges no
// more when it leads. In quorum mode a voter may do so until it follows the new leader, so what is asserted is what was seen.
inEachMode(
  '%s: kill -9 of agent and fencer: nothing stops the old primary, no acknowledged row is lost',
  async mode => {
    await useMode(cluster, mode)
    const incident = await beginIncident(cluster, `kill -9 of the leader’s agent and fencer, mode ${mode}`)
    const { leader } = incident
    const fencer = await fencerOf(leader)
    incident.strike()
    // So that it starts no other one.
    leader.agent.signal('SIGSTOP')
    process.kill(fencer, 'SIGKILL')
    await leader.agent.stop('SIGKILL')
    await twoLeasesLater()
    await cluster.restart(leader.host.name)
    await incident.end()
  },
)

inEachMode('%s: agent and fencer frozen, then awake again', async mode => {
  await useMode(cluster, mode)
  const incident = await beginIncident(cluster, `the leader’s agent and fencer frozen, mode ${mode}`)
  const { leader } = incident
  const fencer = await fencerOf(leader)
  onTestFinished(() => {
    if (!leader.agent.hasEnded()) leader.agent.signal('SIGCONT')
  })
  incident.strike()
  await Promise.all([freeze(leader.agent.pid), freeze(fencer)])
  await twoLeasesLater()
  process.kill(fencer, 'SIGCONT')
  leader.agent.signal('SIGCONT')
  await incident.end()
})

inEachMode('%s: kill -9 of the agent of a synchronous standby: writes go on', async mode => {
  const [standby] = await useMode(cluster, mode)
  if (standby === undefined) throw new Error('no synchronous standby')
  const incident = await beginIncident(cluster, `kill -9 of the agent of a synchronous standby, mode ${mode}`)
  incident.strike()
  await standby.agent.stop('SIGKILL')
  await twoLeasesLater()
  await cluster.restart(standby.host.name)
  expectUnnoticed(incident, await incident.end())
})
