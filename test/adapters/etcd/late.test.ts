// Requests and answers that arrive late, after a later one was answered: they change nothing that was proved since.

import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { HostPort } from '../../../src/model/settings/config.ts'
import type { Revision } from '../../../src/model/units.ts'
import type { Store } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, LIMIT_MS, lead, startEtcd, until } from './etcd-harness.ts'
import { Line } from './line.ts'
import { Relay } from './relay.ts'

let etcd: EtcdCluster
let scope = ''
let scopes = 0
const opened: Store[] = []
const lines: Line[] = []

beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(async () => {
  await etcd.stop()
})
beforeEach(() => {
  scope = `late${++scopes}`
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close()))
  await Promise.all(lines.splice(0).map(line => line.stop()))
})

async function lineTo(index: number): Promise<Line> {
  const line = await Line.start(etcd.member(index).endpoint)
  lines.push(line)
  return line
}

function open(member: string, endpoints: readonly HostPort[]): Store {
  const store = createEtcdStore({
    config: { endpoints, tls: null, credentials: null },
    namespace: 'service',
    scope,
    member,
    clock,
    timings: { ttlMs: 60_000, retryTimeoutMs: 2000 },
    log: () => {},
  })
  opened.push(store)
  return store
}

const key = (name: string) => `/service/${scope}/${name}`
const get = async (name: string) => (await etcd.ctl(['get', '--print-value-only', key(name)])).trim()

async function lastLeaderRevision(store: Store): Promise<Revision | null> {
  const read = await store.read(BUDGET_MS)
  if (!read.known) throw new Error(read.why)
  return read.value.lastLeader?.modRevision ?? null
}

/** How many transactions a member has dealt with, whatever came of them. */
async function transactions(index: number): Promise<number> {
  const { host, port } = etcd.member(index).endpoint
  const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text()
  const counted = metrics.matchAll(
    /^grpc_server_handled_total\{grpc_code="\w+",grpc_method="Txn",.*\} (\d+)$/gm,
  )
  return [...counted].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** Lets what was kept back arrive at a member that nobody else asks, and waits until it was dealt with. */
async function arrive(line: Line, index: number): Promise<void> {
  const before = await transactions(index)
  line.deliver()
  await until('the late request dealt with', LIMIT_MS, async () => (await transactions(index)) > before)
}

test('a late release does not delete the leader key that was acquired anew since', async () => {
  const [first, second] = [await lineTo(0), await lineTo(1)]
  const a = open('a', [first.endpoint, second.endpoint])
  await lead(a, BUDGET_MS)
  first.hold()
  expect(await a.releaseLeader(null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await a.acquireLeader(await lastLeaderRevision(a), true, BUDGET_MS)).toMatchObject({ kind: 'done' })
  await arrive(first, 0)
  expect([await get('leader'), await get('hactl/last_leader')]).toEqual(['a', 'a'])
})

test('a release without an answer does not come about after a renewal has proved the leader key ours', async () => {
  const [first, second] = [await lineTo(0), await lineTo(1)]
  const a = open('a', [first.endpoint, second.endpoint])
  await lead(a, BUDGET_MS)
  first.hold()
  second.hold()
  expect(await a.releaseLeader(null, 1500)).toMatchObject({ kind: 'unreachable' })
  second.cut()
  expect(await a.renewLeader(null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  await arrive(first, 0)
  expect([await get('leader'), await get('hactl/last_leader')]).toEqual(['a', 'a'])
})

test('a release that a former run of the agent sent does not come about after the next one adopted the lease', async () => {
  const first = await lineTo(0)
  const former = open('a', [first.endpoint])
  await lead(former, BUDGET_MS)
  first.hold()
  expect(await former.releaseLeader(null, 1500)).toMatchObject({ kind: 'unreachable' })
  const next = open('a', [etcd.member(1).endpoint])
  const read = await next.read(BUDGET_MS)
  const leaseId = read.known ? (read.value.leader?.leaseId ?? '') : ''
  expect(await next.adoptLease(leaseId, BUDGET_MS)).toMatchObject({ kind: 'done', leaseId })
  await arrive(first, 0)
  expect([await get('leader'), await get('hactl/last_leader')]).toEqual(['a', 'a'])
})

test('a request that the agents emptied while it was being deleted is not told as deleted', async () => {
  const first = await lineTo(0)
  const second = await Relay.start(etcd.member(1).endpoint)
  onTestFinished(() => second.stop())
  const a = open('a', [first.endpoint, second.endpoint])
  const request = { leader: 'a', candidate: 'b', scheduledAt: null }
  const wrote = await a.writeFailover(request, undefined, BUDGET_MS)
  if (wrote.kind !== 'done') throw new Error(wrote.why)
  first.hold()
  const emptied = second.holdRequests(async () => {
    await first.holds()
    await etcd.ctl(['put', key('failover'), '{}'])
  })
  expect(await a.writeFailover(null, wrote.revision, LIMIT_MS)).toMatchObject({ kind: 'unreachable' })
  await emptied
})
