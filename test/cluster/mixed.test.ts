// Nodes under hactl and nodes under Patroni 4.1 in one cluster, whoever made it: each joins the other's, leadership goes to
// and fro by either tool, both tools show the same, and what one writes into etcd the other reads and continues.

import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  bothToolsAgree,
  everyNodeKeepsSlots,
  history,
  lastLeader,
  type MixedCluster,
  type Program,
  setLiveCluster,
  type Tool,
} from './harness/mixed.ts'
import { fetchPatroni } from './harness/patroni.ts'
import { query } from './harness/servers.ts'
import { until } from './harness/until.ts'

let cluster: MixedCluster | undefined

// On a new machine it is downloaded first.
beforeAll(() => fetchPatroni(), 600_000)

afterEach(async () => {
  await cluster?.stage.close()
  cluster = undefined
})

const orders: readonly Readonly<Record<string, Program>>[] = [
  { pg1: 'hactl', pg2: 'patroni', pg3: 'hactl' },
  { pg1: 'patroni', pg2: 'hactl', pg3: 'hactl' },
]

describe.each(orders)('pg1 $pg1, pg2 $pg2, pg3 $pg3', programs => {
  test('switchover by either tool, to and from every node', async () => {
    const mixed = await setLiveCluster(programs)
    cluster = mixed
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
          30_000,
          500,
        )
      }
    }
    await bothToolsAgree(mixed)
    await everyNodeKeepsSlots(mixed)
    await Promise.all([
      restartsAtItsTime(mixed, 'hactl', nodeUnder(programs, 'patroni')),
      restartsAtItsTime(mixed, 'patronictl', nodeUnder(programs, 'hactl')),
    ])
    await mixed.healthy(60_000, 'pg1')
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

/** The last of them: a standby when there are two. */
function nodeUnder(programs: Readonly<Record<string, Program>>, program: Program): string {
  const found = Object.keys(programs).findLast(name => programs[name] === program)
  if (found === undefined) throw new Error(`no node runs ${program}`)
  return found
}

/** For both tools to hand it in. */
const SCHEDULED_IN_MS = 15_000

/** By a tool, of a member that runs the other program: shown by both, carried out once the time has come, and gone. */
async function restartsAtItsTime(mixed: MixedCluster, tool: Tool, name: string): Promise<void> {
  const { host } = mixed.node(name)
  const startedS = async () =>
    Number(await query(mixed.client, host, 'select extract(epoch from pg_postmaster_start_time())'))
  const before = await startedS()
  const atMs = Date.now() + SCHEDULED_IN_MS
  const time = new Date(atMs).toISOString()
  const ran = await mixed.ctl(tool, ['restart', 'test', name, '--scheduled', time, '--force'])
  expect(ran.code, `${ran.stdout}${ran.stderr}`).toBe(0)
  const isShown = async (by: Tool) =>
    (await mixed.list(by)).some(row => row.Member === name && row['Scheduled restart'] !== undefined)
  for (const by of ['hactl', 'patronictl'] as const)
    await until(`${by} shows the restart of ${name}`, () => isShown(by), SCHEDULED_IN_MS, 500)
  // No connection is accepted while it restarts.
  const isNew = async () => (await startedS().catch(() => before)) > before
  await until(`${name} is restarted`, isNew, 60_000, 500)
  // Either program begins with the beat before, so as not to be late.
  expect(await startedS()).toBeGreaterThan(atMs / 1000 - 3)
  await until(`the schedule of ${name} is gone`, async () => !(await isShown('hactl')), 30_000, 500)
}
