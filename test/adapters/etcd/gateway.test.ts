// Reading a cluster over etcd's JSON gateway: the same view as over gRPC, and a total budget over good and bad endpoints.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readClusterOverGateway } from '../../../src/dcs/etcd/gateway.ts'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { HostPort } from '../../../src/model/settings/config.ts'
import { BUDGET_MS, clock, type EtcdCluster, startEtcd } from './etcd-harness.ts'

let etcd: EtcdCluster
const namespace = 'service'
const scope = 'gateway'

beforeAll(async () => {
  etcd = await startEtcd()
  const keys = {
    initialize: '7710955613899059416',
    leader: 'a',
    'members/a':
      '{"conn_url":"postgres://h:1/postgres","state":"running","role":"primary","xlog_location":9007199254740993}',
    'members/b': 'not json',
    status: '{"optime":18446744073709551557,"slots":{"b":9007199254740993}}',
    config: '{"ttl":30}',
    history: '[[1,9007199254740993,"no recovery target specified"]]',
    failover: '{}',
    sync: '{"leader":"a","quorum":0,"sync_standby":"b"}',
    failsafe: '{"a":"http://h:8008/patroni"}',
    unknown: 'x',
  }
  for (const [key, text] of Object.entries(keys))
    await etcd.ctl(['put', `/${namespace}/${scope}/${key}`, text])
  await etcd.ctl(['put', `/${namespace}/${scope}x/leader`, 'somebody else'])
})
afterAll(async () => {
  await etcd.stop()
})

const read = (endpoints: readonly HostPort[], budgetMs = BUDGET_MS) =>
  readClusterOverGateway({
    config: { endpoints, tls: null, credentials: null },
    ...{ namespace, scope, budgetMs, clock },
  })

test('it is the view that gRPC gives', async () => {
  const store = createEtcdStore({
    ...{ config: etcd.config, namespace, scope, member: 'x', clock, log: () => undefined },
    timings: { ttlMs: 5000, retryTimeoutMs: 2000 },
  })
  try {
    const [gateway, grpc] = [await read(etcd.config.endpoints), await store.read(BUDGET_MS)]
    if (!gateway.known || !grpc.known) throw new Error('not known')
    expect(gateway.value).toEqual(grpc.value)
    expect(gateway.value.status?.value.optime).toBe(18_446_744_073_709_551_557n)
    expect(gateway.value.members.map(({ name }) => name)).toEqual(['a', 'b'])
  } finally {
    await store.close()
  }
})

test('a frozen endpoint costs its part of the budget, a dead one nothing', async () => {
  // A frozen raft leader would cost an election on top.
  const leader = await etcd.raftLeader()
  const [follower, other] = [etcd.member((leader + 1) % 3), etcd.member((leader + 2) % 3)]
  try {
    await follower.freeze()
    const startedMs = clock.bootMs()
    const view = await read([{ host: '127.0.0.1', port: 1 }, follower.endpoint, other.endpoint])
    expect(view.known && view.value.leader?.name).toBe('a')
    expect(clock.bootMs() - startedMs).toBeLessThan(8000)
  } finally {
    etcd.thawAll()
  }
})

test('nobody listens: unknown, with the reason', async () => {
  const startedMs = clock.bootMs()
  const view = await read([{ host: '127.0.0.1', port: 1 }], 2000)
  expect(view).toMatchObject({ known: false, why: '127.0.0.1:1 refuses connections' })
  expect(clock.bootMs() - startedMs).toBeLessThan(10_000)
})

// At the same time, as each asks again until its budget is spent.
test.concurrent.each([
  [200, 'not json', 'HTTP 200'],
  [404, '404 page not found', 'no JSON gateway'],
  [503, '{"error":"etcdserver: no leader","code":14}', 'no leader'],
  [200, '[1,2]', 'HTTP 200'],
])('an HTTP server that answers %i %s is no etcd', async (status, body, why) => {
  const server = createServer((_request, response) => response.writeHead(status).end(body))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const view = await read([{ host: '127.0.0.1', port: (server.address() as AddressInfo).port }], 3000)
    expect(view).toMatchObject({ known: false, why: expect.stringContaining(why) })
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
})
