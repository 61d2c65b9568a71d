// What somebody else writes below a cluster's prefix, however large and however much, keeps nobody from seeing the cluster.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { Endpoints } from '../../../src/dcs/etcd/etcd-endpoints.ts'
import { readClusterOverGateway } from '../../../src/dcs/etcd/gateway.ts'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { ClusterView } from '../../../src/model/cluster/cluster.ts'
import type { Seen } from '../../../src/model/seen.ts'
import type { CommandStore } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, LIMIT_MS, startEtcd, until } from './etcd-harness.ts'

let etcd: EtcdCluster
let endpoints: Endpoints
const LARGE = Buffer.alloc(1_400_000, 'x')
const opened: CommandStore[] = []

beforeAll(async () => {
  etcd = await startEtcd({ members: 1 })
  endpoints = new Endpoints(etcd.config, clock, () => undefined)
})
afterAll(async () => {
  await Promise.all(opened.map(store => store.close()))
  await endpoints.close()
  await etcd.stop()
})

async function put(key: string, value: string | Buffer, lease = '0'): Promise<void> {
  const { kv } = await endpoints.client(0)
  await kv.put({ key: Buffer.from(`/service/${key}`), value: Buffer.from(value), lease })
}

/** A small cluster of two members on a lease. */
async function found(scope: string): Promise<void> {
  const { leaseClient } = await endpoints.client(0)
  const { ID } = await leaseClient.leaseGrant({ TTL: 600, ID: 0 })
  await put(`${scope}/leader`, 'pg1', ID)
  for (const name of ['pg1', 'pg2'])
    await put(`${scope}/members/${name}`, '{"state":"running","role":"replica"}', ID)
}

function open(scope: string): CommandStore {
  const store = createEtcdStore({
    ...{ config: etcd.config, namespace: 'service', scope, member: 'pg2', clock, log: () => undefined },
    timings: { ttlMs: 5000, retryTimeoutMs: 3000 },
  })
  opened.push(store)
  return store
}

/** As an agent, a command over gRPC, and one over the gateway see it. */
async function seenBy(scope: string): Promise<readonly Seen<ClusterView>[]> {
  const store = open(scope)
  await until('the watch is alive', LIMIT_MS, () => store.view().known)
  const config = { ...etcd.config, credentials: null }
  const gateway = { config, namespace: 'service', scope, clock, budgetMs: BUDGET_MS }
  return [store.view(), await store.read(BUDGET_MS), await readClusterOverGateway(gateway)]
}

test('a hundred megabytes of keys without a meaning', async () => {
  await found('foreign')
  for (let each = 0; each < 70; each++) await put(`foreign/a${each}`, LARGE)
  for (const view of await seenBy('foreign')) {
    expect(view).toMatchObject({ known: true, value: { leader: { name: 'pg1' } } })
    if (!view.known) continue
    expect(view.value.members.map(({ name }) => name)).toEqual(['pg1', 'pg2'])
    expect([view.value.refusedMembers, view.value.leftOutMembers]).toEqual([undefined, undefined])
  }
})

test('a hundred megabytes of member keys: the members are seen, and the others told', async () => {
  await found('fat')
  for (let each = 10; each < 80; each++) await put(`fat/members/a${each}`, LARGE)
  for (const view of await seenBy('fat')) {
    if (!view.known) throw new Error(view.why)
    expect(view.value.members.map(({ name }) => name)).toEqual(['pg1', 'pg2'])
    expect((view.value.refusedMembers ?? 0) + (view.value.leftOutMembers ?? 0)).toBe(70)
    expect(view.value.refusedKeys?.[0]).toEqual({
      key: 'members/a10',
      why: 'its value is too large: 1400000 characters, at most 65536',
    })
  }
})

test('thousands of member keys before and after the real ones', async () => {
  await found('crowd')
  const ghosts = Array.from(
    { length: 3000 },
    (_, each) => `crowd/members/${each % 2 === 0 ? 'a' : 'z'}${each}`,
  )
  for (let at = 0; at < ghosts.length; at += 200)
    await Promise.all(ghosts.slice(at, at + 200).map(ghost => put(ghost, '{}')))
  for (const view of await seenBy('crowd')) {
    if (!view.known) throw new Error(view.why)
    const names = view.value.members.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['pg1', 'pg2']))
    expect(names).toHaveLength(1000)
    expect(view.value.leftOutMembers).toBe(2002)
  }
})

test('single keys as large as etcd takes them', async () => {
  await found('single')
  for (const key of [
    'config',
    'history',
    'failsafe',
    'sync',
    'status',
    'failover',
    'initialize',
    'hactl/guard',
  ])
    await put(`single/${key}`, LARGE)
  for (const view of await seenBy('single'))
    expect(view).toMatchObject({ known: true, value: { leader: { name: 'pg1' }, members: { length: 2 } } })
})

test('a flood under the eyes of a watch: what is there already and what is on a lease stays', async () => {
  await found('flood')
  const store = open('flood')
  await until('the watch is alive', LIMIT_MS, () => store.view().known)
  for (let each = 0; each < 30; each++) await put(`flood/x${each}`, LARGE)
  for (let at = 0; at < 3000; at += 200)
    await Promise.all(Array.from({ length: 200 }, (_, i) => put(`flood/members/a${at + i}`, '{}')))
  await put('flood/config', '{"ttl":31}')
  await until('the last change is seen', LIMIT_MS, () => {
    const view = store.view()
    return view.known && view.value.config !== null
  })
  const view = store.view()
  if (!view.known) throw new Error(view.why)
  expect(view.value.members.map(({ name }) => name)).toEqual(expect.arrayContaining(['pg1', 'pg2']))
  expect(view.value.leftOutMembers).toBeGreaterThan(900)
})
