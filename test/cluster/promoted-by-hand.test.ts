// Somebody promotes a standby behind the agent's back. Its agent notices at once, not with its next beat ten seconds later:
// what is written there meanwhile is lost by the rewind.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, type Node, startCluster } from './harness/cluster.ts'
import { superuserPassword } from './harness/member.ts'
import { postgresPort, query } from './harness/servers.ts'
import { until } from './harness/until.ts'
import { createTable, startWriter, type Writer } from './harness/writer.ts'

/** Far below loop_wait, which is what it took without the watch; a quiet machine takes some 100 ms. */
const limitMs = 3000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ ttl: 30, loop_wait: 10, retry_timeout: 10 })
})

afterAll(() => cluster.stage.close())

async function demotions({ agent }: Node): Promise<number> {
  return (await agent.log()).match(/follower\.demote/g)?.length ?? 0
}

/** Gives for how long rows were accepted there. */
async function promoteByHand(standby: Node, writer: Writer): Promise<number> {
  const before = await demotions(standby)
  const rowsBefore = (await writer.acknowledgements()).length
  await query(cluster.client, standby.host, 'select pg_promote(false)')
  await until('its agent demotes it', async () => (await demotions(standby)) > before, 40_000)
  // What it published last, as a standby, stands in etcd a moment longer.
  const follows = async () =>
    (await query(cluster.client, standby.host, 'select pg_is_in_recovery()')) === 't'
  await until('it is a standby again', follows, 60_000, 200)
  await cluster.healthy(60_000)
  const rows = (await writer.acknowledgements()).slice(rowsBefore)
  const [first, last] = [rows[0], rows.at(-1)]
  const forMs = first === undefined || last === undefined ? 0 : last.acknowledgedMs - first.sentMs
  console.log(`promoted by hand: ${rows.length} rows accepted there, for ${Math.round(forMs)} ms`)
  return forMs
}

test('a standby promoted by hand is stopped at once and follows again; once more with the rewound data', async () => {
  const leader = await cluster.primary(20_000)
  await createTable(cluster.client, leader.host)
  const [standby] = cluster.others(leader)
  if (standby === undefined) throw new Error('no standby')
  const hasTable = async () =>
    (await query(cluster.client, standby.host, "select to_regclass('acknowledged') is not null")) === 't'
  await until('the standby has the table', hasTable, 40_000)
  const addresses = [`${standby.host.address}:${postgresPort}`]
  const writer = await startWriter(
    cluster.stage,
    cluster.client,
    { addresses, pauseMs: 1 },
    superuserPassword,
  )

  expect(await promoteByHand(standby, writer)).toBeLessThan(limitMs)
  expect((await cluster.primary(20_000)).host.name).toBe(leader.host.name)
  expect(await promoteByHand(standby, writer)).toBeLessThan(limitMs)
  expect((await cluster.primary(20_000)).host.name).toBe(leader.host.name)
  await writer.finish()
  expect(await query(cluster.client, standby.host, 'select count(*) from acknowledged')).toBe('0')
})
