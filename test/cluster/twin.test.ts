// Two nodes that are promoted at the same position, because the first one is lost between its promotion and its history line
// in etcd. The second takes another timeline number, so that the first can be rewound. Where etcd has lost the record of the
// first promotion, both have the same number: the first comes back when the WAL that would tell is recycled, and while
// PostgreSQL of the other one does not answer. It must neither follow, nor be a candidate when that one is lost.

import { watch } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { historyFileName } from '../../src/postgres/data/data-directory.ts'
import { type Cluster, list, type Node, postmasterOf, startCluster } from './harness/cluster.ts'
import { signalHost } from './harness/network.ts'
import { etcdctl, httpStatus, query, restPort } from './harness/servers.ts'
import { until } from './harness/until.ts'

const ttlMs = 8000
/** Long enough for a lease to end and a race, on a busy machine. */
const takeoverMs = 60_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({
    ttl: ttlMs / 1000,
    loop_wait: 2,
    retry_timeout: 3,
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      // Nothing is kept for a node that is away.
      parameters: { wal_keep_size: '0', max_slot_wal_keep_size: '16MB' },
    },
  })
}, 180_000)

afterAll(() => cluster.stage.close())

function sql(node: Node, text: string): Promise<string> {
  return query(cluster.client, node.host, text)
}

/** Its agent is stopped as soon as PostgreSQL has begun the timeline. */
async function freezeAtPromotion({ host, agent }: Node, timeline: number): Promise<void> {
  const wal = join(cluster.stage.directory, host.name, 'data', 'pg_wal')
  const file = historyFileName(timeline)
  const watcher = watch(wal, (_event, name) => {
    if (name === file) agent.signal('SIGSTOP')
  })
  const begun = () => access(join(wal, file)).then(() => true)
  await until(`${host.name} begins timeline ${timeline}`, begun, takeoverMs, 20).finally(() =>
    watcher.close(),
  )
  agent.signal('SIGSTOP')
}

const etcdKey = (command: string[], key: string) =>
  etcdctl(cluster.client, [...command, `/service/test/${key}`], cluster.etcd)

interface Twins {
  /** Promoted first, and lost before anybody heard of it: it has a row that no other node has. */
  readonly twin: Node
  readonly leader: Node
}

/** The leader is lost, then the winner of the race; `before` the other one is promoted, its agent stands still. */
async function makeTwins(
  lost: Node,
  table: string,
  timeline: number,
  before: () => Promise<void>,
): Promise<Twins> {
  const [twin, leader] = cluster.others(lost)
  if (twin === undefined || leader === undefined) throw new Error('two standbys are needed')
  await sql(lost, `create table ${table} as select 1 as n`)
  for (const node of [twin, leader]) await waitForRows(node, 1, table)
  leader.agent.signal('SIGSTOP')
  const frozen = freezeAtPromotion(twin, timeline)
  await signalHost(lost.host, 'SIGKILL')
  await frozen
  const phantom = async () => (await sql(twin, `insert into ${table} values (-1) returning n`)).includes('-1')
  await until('the twin acknowledges a row', phantom, 20_000, 20)
  await signalHost(twin.host, 'SIGKILL')
  const history = await etcdKey(['get', '--print-value-only'], 'history')
  expect(history, 'the twin was frozen too late').not.toMatch(
    new RegExp(`\\[${timeline - 1},[^\\]]*${twin.host.name}`),
  )
  await before()
  leader.agent.signal('SIGCONT')
  expect((await cluster.primary(takeoverMs)).host.name).toBe(leader.host.name)
  await leader.agent.says(/leader\.steady/, 20_000)
  return { twin, leader }
}

async function recycleWal(node: Node): Promise<void> {
  const first = (await sql(node, "select pg_walfile_name('0/0'::pg_lsn + 1)")).slice(0, 8)
  const kept = () => sql(node, `select min(name) from pg_ls_waldir() where name ~ '^${first}[0-9A-F]{16}$'`)
  const before = await kept()
  await until(
    'the WAL with the beginning of the timeline is gone',
    async () => {
      await sql(node, 'insert into w select max(n) + 1 from w')
      await sql(node, 'select pg_switch_wal()')
      await sql(node, 'checkpoint')
      const names = await kept()
      return BigInt(`0x${names}`) >= BigInt(`0x${before}`) + 4n
    },
    60_000,
  )
}

async function waitForRows(node: Node, count: number, table: string): Promise<void> {
  const has = async () => (await sql(node, `select count(*) from ${table}`)) === String(count)
  await until(`${node.host.name} has ${count} rows`, has, 40_000, 100)
}

test('the second promotion takes another number, and the first is rewound without the row that nobody else has', async () => {
  const lost = await cluster.primary(20_000)
  const { twin, leader } = await makeTwins(lost, 'v', 2, async () => {})
  await leader.agent.says(/timeline 2 may have been taken before, so 3 follows/, 1000)
  await sql(leader, 'insert into v values (2)')
  await cluster.restart(twin.host.name)
  await waitForRows(cluster.node(twin.host.name), 2, 'v')
  expect(await sql(cluster.node(twin.host.name), 'select n from v order by n')).toBe('1\n2')
  await cluster.node(twin.host.name).agent.says(/rewind/, 1000)
  await cluster.restart(lost.host.name)
  await cluster.healthy(takeoverMs)
  const shown = await list(cluster.client, leader.file)
  expect(shown.map(({ TL }) => TL)).toEqual([3, 3, 3])
}, 300_000)

test('a twin whose WAL is recycled, while the other one is silent, is not followed with, no replica and no candidate', async () => {
  const lost = await cluster.primary(20_000)
  const { twin, leader } = await makeTwins(lost, 'w', 4, async () => {
    await etcdKey(['del'], 'hactl/promotions')
  })
  await recycleWal(leader)
  const rows = await sql(leader, 'select count(*) from w')

  const postmaster = await postmasterOf(cluster.stage, leader)
  process.kill(postmaster, 'SIGSTOP')
  const asked: (number | null)[] = []
  await cluster.restart(twin.host.name)
  const { agent } = cluster.node(twin.host.name)
  const told = async () => {
    asked.push(await httpStatus(cluster.client, `http://${twin.host.address}:${restPort}/replica?lag=1MB`))
    return /is that of leader \S+ is not known|could not compare timelines|went its own way/.test(
      await agent.log(),
    )
  }
  await until('the twin cannot compare', told, 60_000, 100).finally(() => process.kill(postmaster, 'SIGCONT'))
  await agent.says(/down\.keep-diverged/, 40_000)
  expect(asked).not.toContain(200)
  const shown = await list(cluster.client, cluster.node(leader.host.name).file)
  expect(shown.find(({ Member }) => Member === twin.host.name)).toMatchObject({ State: 'stopped' })
  expect(await sql(leader, 'select count(*) from w')).toBe(rows)

  await signalHost(leader.host, 'SIGKILL')
  await agent.says(/race\.timeline: not promoting: timeline 4 was begun by/, takeoverMs)
  await cluster.restart(leader.host.name)
  expect((await cluster.primary(takeoverMs)).host.name).toBe(leader.host.name)
  expect(await sql(leader, 'select count(*) from w')).toBe(rows)
  expect(await agent.log()).not.toMatch(/race\.acquire-lease|leader\.promote/)
}, 400_000)
