// The leader's machine is cut off, still takes writes, and dies; a node of the other program takes over, and the former
// leader, whose data has left the cluster's history by then, comes back by pg_rewind. Both ways, under a writer.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { superuserPassword } from './harness/member.ts'
import {
  bothToolsAgree,
  everyNodeKeepsSlots,
  historyBecomes,
  type MixedCluster,
  setLiveCluster,
} from './harness/mixed.ts'
import { cut, heal, processesOn, signalHost } from './harness/network.ts'
import { fetchPatroni } from './harness/patroni.ts'
import { query } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'
import { createTable, lostRows, startWriter } from './harness/writer.ts'

let cluster: MixedCluster | undefined

// On a new machine it is downloaded first.
beforeAll(() => fetchPatroni(), 600_000)

afterEach(async () => {
  await cluster?.stage.close()
  cluster = undefined
})

/** The lease (`mixedTimings`) lasts 20 seconds; the rest is election, promotion and a busy machine. */
const takeoverLimitMs = 20_000 + 8000
/** What may be on its way to a standby when the link breaks. */
const inFlightMs = 2000

test.each([
  { pg1: 'patroni', pg2: 'hactl', pg3: 'hactl' },
  { pg1: 'hactl', pg2: 'patroni', pg3: 'patroni' },
  { pg1: 'hactl', pg2: 'patroni', pg3: 'hactl' },
] as const)('the leader under $pg1 is lost, $pg2 or $pg3 leads on, the old one rewinds', async programs => {
  const mixed = await setLiveCluster(programs)
  cluster = mixed
  const { stage, client } = mixed
  const old = mixed.node('pg1')
  await createTable(client, old.host)
  await query(client, old.host, 'create table diverged ()')
  for (const name of ['pg2', 'pg3']) {
    const there = "select to_regclass('diverged') is not null"
    const hasTable = async () => (await query(client, mixed.node(name).host, there)) === 't'
    await until(`${name} has the table`, hasTable, 40_000, 200)
  }
  const addresses = ['pg1', 'pg2', 'pg3'].map(name => `${mixed.node(name).host.address}:5432`)
  const writer = await startWriter(stage, client, { addresses, mode: 'all-at-once' }, superuserPassword)
  await writer.nextAcknowledgement(40_000)
  const before = await identityOfData(mixed, 'pg1')

  await cut(old.host)
  const struckMs = nowMs()
  await query(old.host, old.host, 'insert into diverged select from generate_series(1, 20)')
  await signalHost(old.host, 'SIGKILL')
  await until('pg1 is dead', async () => (await processesOn(old.host)).length === 0, 20_000)
  const accepted = await writer.nextAcknowledgement(60_000)
  const leader = ['pg2', 'pg3'].find(name => mixed.node(name).host.address === accepted.server) ?? 'nobody'
  expect(accepted.acknowledgedMs - struckMs).toBeLessThan(takeoverLimitMs)

  await heal(old.host)
  await mixed.start('pg1')
  const rows = await mixed.healthy(90_000, leader)
  expect(rows.map(row => row.TL)).toEqual([2, 2, 2])
  await mixed.agent('pg1').says(new RegExp(`running pg_rewind from ${leader}`), 20_000)
  expect(await identityOfData(mixed, 'pg1')).toBe(before)
  expect(await query(client, old.host, 'select count(*) from diverged')).toBe('0')

  const summary = await writer.finish()
  expect(summary.twoWriters).toEqual([])
  // Asynchronous: only what the standbys had not received when the link broke may be missing.
  const missing = await lostRows(writer, client, mixed.node(leader).host)
  expect(missing.filter(({ acknowledgedMs }) => acknowledgedMs < struckMs - inFlightMs)).toEqual([])
  await historyBecomes(mixed, [[1, leader]])
  await everyNodeKeepsSlots(mixed)
  await bothToolsAgree(mixed)
  expect(await mixed.complaints()).toEqual([])
})

/** Changes when the data directory is made anew, as a clone does; pg_rewind keeps it. */
async function identityOfData({ stage }: MixedCluster, name: string): Promise<number> {
  return (await stat(join(stage.directory, name, 'data', 'base'))).ino
}
