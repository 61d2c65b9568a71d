// Nodes under hactl and nodes under Patroni 4.1 in one cluster, whoever made it: each joins the other's, leadership goes to
// and fro by either tool, both tools show the same, and what one writes into etcd the other reads and continues.

import { afterEach, describe, expect, test } from 'vitest'
import { type MixedCluster, type Program, setMixedStage, slotsOf, type Tool } from './harness/mixed.ts'
import { etcdctl } from './harness/servers.ts'
import { until } from './harness/until.ts'

let cluster: MixedCluster | undefined

afterEach(async () => {
  await cluster?.stage.close()
  cluster = undefined
})

/** The first node makes the cluster; the others join it while it runs. */
async function live(programs: Readonly<Record<string, Program>>): Promise<MixedCluster> {
  cluster = await setMixedStage(programs)
  const [founder = '', ...joining] = Object.keys(programs)
  await cluster.start(founder)
  await cluster.healthy(60_000, founder, 1)
  for (const name of joining) await cluster.start(name)
  await cluster.healthy(60_000, founder)
  return cluster
}

const orders: readonly Readonly<Record<string, Program>>[] = [
  { pg1: 'hactl', pg2: 'patroni', pg3: 'hactl' },
  { pg1: 'patroni', pg2: 'hactl', pg3: 'hactl' },
]

describe.each(orders)('pg1 $pg1, pg2 $pg2, pg3 $pg3', programs => {
  test('switchover by either tool, to and from every node', async () => {
    const mixed = await live(programs)
    await bothToolsAgree(mixed)
    await everyNodeKeepsSlots(mixed)
    let timeline = 1
    for (const tool of ['patronictl', 'hactl'] as const) {
      for (const [from, to] of [
        ['pg1', 'pg2'],
        ['pg2', 'pg3'],
        ['pg3', 'pg1'],
      ] as const) {
        await switchOver(mixed, tool, from, to)
        timeline += 1
        const rows = await mixed.healthy(60_000, to)
        expect(rows.map(row => row.TL)).toEqual([timeline, timeline, timeline])
        await until(
          'history names the new leader',
          async () => lastLeader(await history(mixed)) === to,
          15_000,
        )
      }
    }
    await bothToolsAgree(mixed)
    await everyNodeKeepsSlots(mixed)
    const lines = await history(mixed)
    expect(lines.map(([number]) => number)).toEqual([1, 2, 3, 4, 5, 6])
    expect(lines.map(line => line[4])).toEqual(['pg2', 'pg3', 'pg1', 'pg2', 'pg3', 'pg1'])
    const shown = await Promise.all(
      (['hactl', 'patronictl'] as const).map(tool => mixed.ctl(tool, ['history', '-f', 'json'])),
    )
    expect(JSON.parse(shown[0]?.stdout ?? '')).toEqual(JSON.parse(shown[1]?.stdout ?? ''))
    expect(await mixed.complaints()).toEqual([])
  })
})

async function switchOver(mixed: MixedCluster, tool: Tool, from: string, to: string): Promise<void> {
  const args = ['switchover', 'test', '--leader', from, '--candidate', to, '--force']
  const { code, stdout, stderr } = await mixed.ctl(tool, args)
  expect(`${tool} ${from} to ${to}: ${code} ${code === 0 ? '' : stdout + stderr}`).toBe(
    `${tool} ${from} to ${to}: 0 `,
  )
}

/** `[timeline, lsn, reason, timestamp, leader]` */
type HistoryEntry = readonly [number, number, string, string?, string?]

async function history({ client, etcd }: MixedCluster): Promise<readonly HistoryEntry[]> {
  return JSON.parse(await etcdctl(client, ['get', '--print-value-only', '/service/test/history'], etcd))
}

function lastLeader(lines: readonly HistoryEntry[]): string | undefined {
  return lines.at(-1)?.[4]
}

/** The table as people see it, to the character. Lags move, so both look until they saw the same moment. */
async function bothToolsAgree(mixed: MixedCluster): Promise<void> {
  const look = async () => {
    const [ours, theirs] = await Promise.all(
      (['hactl', 'patronictl'] as const).map(tool => mixed.ctl(tool, ['list'])),
    )
    if (ours?.stdout === theirs?.stdout && ours?.code === 0) return true
    throw new Error(`${ours?.stdout}${ours?.stderr}\n${theirs?.stdout}${theirs?.stderr}`)
  }
  await until('hactl list and patronictl list print the same', look, 20_000)
}

/** Every node keeps a slot for each of the others, so that nobody is cloned again after a failover. */
async function everyNodeKeepsSlots(mixed: MixedCluster): Promise<void> {
  const names = ['pg1', 'pg2', 'pg3']
  for (const name of names) {
    const others = names.filter(other => other !== name)
    const look = async () => {
      const slots = await slotsOf(mixed.client, mixed.node(name).host)
      if (slots.join() === others.join()) return true
      throw new Error(slots.join())
    }
    await until(`${name} has the slots ${others}`, look, 20_000)
  }
}
