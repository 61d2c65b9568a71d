// The wall clock of one node is set an hour forward and back while it runs. Leases, deadlines and silences are counted by clocks
// that nobody can set, so nothing may happen. By hand, with HACTL_LONG=1 and the package libfaketime: three minutes.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Cluster, type Node, startCluster } from './harness/cluster.ts'
import { beginIncident, expectUnnoticed, takeoverLimitMs } from './harness/incident.ts'
import { hactl } from './harness/member.ts'
import { signalHost } from './harness/network.ts'
import { nowMs, until } from './harness/until.ts'
import { clockVariables, isThere, removeTraces, rightClock, setClock } from './harness/wrong-clock.ts'

const ttlMs = 5000
const HOUR_S = 3600
/** Of servers whose wall clocks differ. */
const writing = { serverClock: 'uptime' } as const

const isLong = process.env.HACTL_LONG === '1' && (await isThere())
const ifLong = test.skipIf(!isLong)

let cluster: Cluster

beforeAll(async () => {
  if (!isLong) return
  cluster = await startCluster(
    { ttl: ttlMs / 1000, loop_wait: 1, retry_timeout: 2 },
    {},
    {
      env: clockVariables,
      node: async (stage, name) => {
        await rightClock(stage, name)
        return {}
      },
    },
  )
})

afterAll(async () => {
  if (!isLong) return
  await cluster?.stage.close()
  await removeTraces()
})

beforeEach(async () => {
  if (!isLong) return
  await cluster.mend()
  await cluster.healthy(60_000)
  for (const node of cluster.nodes()) await setClock(cluster.stage, cluster.client, node, 0)
})

const set = (node: Node, aheadS: number) => setClock(cluster.stage, cluster.client, node, aheadS)

async function twoLeasesLater(): Promise<void> {
  const endMs = nowMs() + 2 * ttlMs
  await until('two leases later', () => nowMs() > endMs, 3 * ttlMs)
}

/** Nobody lags, nobody has a problem. */
async function listIsSane(from: Node): Promise<void> {
  await cluster.healthy(20_000)
  const check = await hactl(cluster.client, from.file, ['check'])
  expect(check, check.stdout).toMatchObject({ code: 0 })
  const ran = await hactl(cluster.client, from.file, ['list', '--json'])
  const { clusters } = JSON.parse(ran.stdout) as {
    readonly clusters: readonly { readonly members: readonly { problem: string | null }[] }[]
  }
  expect(clusters[0]?.members.map(({ problem }) => problem)).toEqual([null, null, null])
}

ifLong.each(['leader', 'standby'] as const)(
  'the clock of the %s goes forward by an hour, back by two, and right again: nobody notices',
  async which => {
    const incident = await beginIncident(cluster, `the wall clock of the ${which} is set`, writing)
    const { leader } = incident
    const [standby] = cluster.others(leader)
    if (standby === undefined) throw new Error('no standby')
    const node = which === 'leader' ? leader : standby
    incident.strike()
    for (const aheadS of [HOUR_S, -HOUR_S, 0]) {
      await set(node, aheadS)
      await twoLeasesLater()
      await listIsSane(leader)
    }
    expectUnnoticed(incident, await incident.end())
    expect((await cluster.primary(20_000)).host.name).toBe(leader.host.name)
  },
)

ifLong.each([
  { which: 'leader', aheadS: HOUR_S },
  { which: 'leader', aheadS: -HOUR_S },
  { which: 'standbys', aheadS: HOUR_S },
  { which: 'standbys', aheadS: -HOUR_S },
])(
  'clock of the $which wrong by $aheadS s, and the leader is killed: a failover as ever',
  async ({ which, aheadS }) => {
    const name = `the leader is killed, the clock of the ${which} is wrong by ${aheadS} s`
    const incident = await beginIncident(cluster, name, writing)
    const { leader } = incident
    for (const node of which === 'leader' ? [leader] : cluster.others(leader)) await set(node, aheadS)
    incident.strike()
    await signalHost(leader.host, 'SIGKILL')
    await incident.writesAgain(40_000, leader)
    await cluster.restart(leader.host.name)
    const measured = await incident.end({ mayLose: { lastMs: 2000 } })
    expect(measured.applicationGap.ms).toBeLessThan(takeoverLimitMs(ttlMs, measured))
  },
)

// The leader judges a time, by its own clock; a request without one ends when its command would.
ifLong(
  'the clock of the leader is an hour ahead: a time that is past there is refused, and so is a request that has ended there',
  async () => {
    const leader = await cluster.primary(20_000)
    await set(leader, HOUR_S)
    const inHalfAnHour = new Date(Date.now() + HOUR_S * 500).toISOString()
    const planned = await hactl(cluster.client, leader.file, [
      ...['switchover', '--force', '--scheduled', inHalfAnHour],
    ])
    expect(planned).toMatchObject({ code: 3 })
    expect(planned.stderr).toContain('Cannot schedule switchover in the past')
    const now = await hactl(cluster.client, leader.file, ['switchover', '--force', '--timeout', '20'])
    expect(now).toMatchObject({ code: 3 })
    expect(now.stderr).toContain('the person who asked no longer waits (or the clocks differ)')
    expect((await cluster.primary(20_000)).host.name).toBe(leader.host.name)
  },
)

ifLong(
  'the clock of the leader is an hour behind: a time is waited for, withdrawn, and a switchover at once is carried out',
  async () => {
    const leader = await cluster.primary(20_000)
    await set(leader, -HOUR_S)
    const ctl = (...args: string[]) => hactl(cluster.client, leader.file, args)
    // By the right clock it is due while the test looks on.
    const soon = new Date(Date.now() + ttlMs).toISOString()
    const planned = await ctl('switchover', '--force', '--scheduled', soon)
    expect(planned, planned.stderr).toMatchObject({ code: 0 })
    await twoLeasesLater()
    expect((await cluster.primary(20_000)).host.name).toBe(leader.host.name)
    expect((await ctl('list')).stdout).toContain('Switchover scheduled at:')
    const flushed = await ctl('flush', 'test', 'switchover', '--force')
    expect(flushed, flushed.stderr).toMatchObject({ code: 0 })
    const switched = await ctl('switchover', '--force')
    expect(switched, switched.stderr).toMatchObject({ code: 0 })
    expect((await cluster.primary(20_000)).host.name).not.toBe(leader.host.name)
  },
)
