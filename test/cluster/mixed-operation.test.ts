// Maintenance mode, configuration changes and manual failover in a cluster of both programs, by either tool.

import { afterEach, beforeAll, expect, test } from 'vitest'
import {
  bothToolsAgree,
  historyBecomes,
  type MixedCluster,
  setLiveCluster,
  type Tool,
} from './harness/mixed.ts'
import { runOn } from './harness/network.ts'
import { fetchPatroni } from './harness/patroni.ts'
import { etcdctl, query, restPort } from './harness/servers.ts'
import { until } from './harness/until.ts'

let cluster: MixedCluster | undefined

// On a new machine it is downloaded first.
beforeAll(() => fetchPatroni(), 600_000)

afterEach(async () => {
  await cluster?.stage.close()
  cluster = undefined
})

const tools = ['patronictl', 'hactl'] as const

test('a change of the configuration by either tool reaches every node', async () => {
  const mixed = await setLiveCluster({ pg1: 'patroni', pg2: 'hactl', pg3: 'hactl' })
  cluster = mixed
  for (const [tool, value] of [
    ['patronictl', '5MB'],
    ['hactl', '6MB'],
  ] as const) {
    await ran(mixed, tool, ['edit-config', 'test', '--force', '-p', `work_mem=${value}`, '-s', 'loop_wait=3'])
    for (const name of ['pg1', 'pg2', 'pg3'])
      await until(
        `${name} has work_mem ${value} from ${tool}`,
        async () => (await query(mixed.client, mixed.node(name).host, 'show work_mem')) === value,
        40_000,
      )
    const [ours, theirs] = await Promise.all(tools.map(which => ran(mixed, which, ['show-config', 'test'])))
    expect(ours?.split('\n').toSorted()).toEqual(theirs?.split('\n').toSorted())
  }
  // A parameter that needs a restart: every node says so, and both tools show it.
  await ran(mixed, 'patronictl', ['edit-config', 'test', '--force', '-p', 'max_connections=120'])
  await until(
    'all members ask for a restart',
    async () => (await mixed.list('hactl')).every(row => row['Pending restart'] === '*'),
    40_000,
  )
  await bothToolsAgree(mixed)
  expect(await mixed.complaints()).toEqual([])
})

test('manual failover by either tool, to a node of the other program', async () => {
  const mixed = await setLiveCluster({ pg1: 'hactl', pg2: 'patroni', pg3: 'hactl' })
  cluster = mixed
  for (const [tool, to] of [
    ['patronictl', 'pg2'],
    ['patronictl', 'pg1'],
    ['hactl', 'pg2'],
    ['hactl', 'pg3'],
  ] as const) {
    await ran(mixed, tool, ['failover', 'test', '--candidate', to, '--force'])
    await mixed.healthy(60_000, to)
  }
  await bothToolsAgree(mixed)
  expect(await mixed.complaints()).toEqual([])
})

test('a switchover scheduled by either tool is carried out by a leader of the other program', async () => {
  const mixed = await setLiveCluster({ pg1: 'hactl', pg2: 'patroni', pg3: 'hactl' })
  cluster = mixed
  for (const [tool, from, to] of [
    ['patronictl', 'pg1', 'pg2'],
    ['hactl', 'pg2', 'pg1'],
  ] as const) {
    const at = new Date(Date.now() + 15_000).toISOString()
    const request = ['switchover', 'test', '--leader', from, '--candidate', to, '--scheduled', at, '--force']
    await ran(mixed, tool, request)
    await bothToolsAgree(mixed)
    await mixed.healthy(60_000, to)
  }
  await historyBecomes(mixed, [
    [1, 'pg2'],
    [2, 'pg1'],
  ])
  expect(await mixed.complaints()).toEqual([])
})

test.each([
  { leading: 'hactl', following: 'patroni' },
  { leading: 'patroni', following: 'hactl' },
] as const)(
  'paused: the agent under $leading leaves the primary alone for longer than the lease',
  async roles => {
    const mixed = await setLiveCluster({ pg1: roles.leading, pg2: roles.following, pg3: 'hactl' })
    cluster = mixed
    const { client, etcd } = mixed
    const primary = mixed.node('pg1').host
    const started = () => query(client, primary, 'select pg_postmaster_start_time()')
    const since = await started()
    await ran(mixed, 'patronictl', ['pause', 'test', '--wait'])
    await bothToolsAgree(mixed)

    await mixed.agent('pg1').stop('SIGKILL')
    const leaderKey = () => etcdctl(client, ['get', '--print-value-only', '/service/test/leader'], etcd)
    await until('the lease has ended', async () => (await leaderKey()).trim() === '', 60_000)
    const endedS = Date.now() / 1000
    for (const name of ['pg2', 'pg3'])
      await until(
        `${name} has looked at etcd again`,
        async () => (await lastSeenS(mixed, name)) > endedS + 3,
        40_000,
      )
    expect((await leaderKey()).trim()).toBe('')
    for (const name of ['pg2', 'pg3'])
      expect(await query(client, mixed.node(name).host, 'select pg_is_in_recovery()')).toBe('t')
    expect(await query(client, primary, 'create table during_pause ()')).toBe('')
    expect(await started()).toBe(since)

    await mixed.start('pg1')
    await mixed.healthy(60_000, 'pg1')
    await ran(mixed, 'patronictl', ['resume', 'test', '--wait'])
    const rows = await mixed.healthy(60_000, 'pg1')
    expect(rows.map(row => row.TL)).toEqual([1, 1, 1])
    expect(await started()).toBe(since)
    await bothToolsAgree(mixed)
    expect(await mixed.complaints()).toEqual([])
  },
)

/** What a command printed; it must succeed. */
async function ran(mixed: MixedCluster, tool: Tool, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await mixed.ctl(tool, args)
  expect(code, `${tool} ${args.join(' ')}: ${stdout}${stderr}`).toBe(0)
  return stdout
}

/** When the node last saw the cluster in etcd, Unix seconds. */
async function lastSeenS({ client, node }: MixedCluster, name: string): Promise<number> {
  const answer = await runOn(client, [
    'curl',
    '-s',
    '-m',
    '2',
    `http://${node(name).host.address}:${restPort}/patroni`,
  ])
  return JSON.parse(answer).dcs_last_seen
}
