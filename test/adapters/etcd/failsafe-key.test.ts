// The key `failsafe` in a real etcd: only the leader writes it, at the revision that was read, and it is read back.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { Revision } from '../../../src/model/units.ts'
import type { Store, WriteOutcome } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, lead, startEtcd } from './etcd-harness.ts'

const key = '/service/demo/failsafe'
const two = { a: 'http://10.0.0.1:8008/patroni', b: 'http://10.0.0.2:8008/patroni' }
const three = { ...two, c: 'http://10.0.0.3:8008/patroni' }
const refused = { kind: 'refused' }

let etcd: EtcdCluster
const opened: Store[] = []

beforeAll(async () => {
  etcd = await startEtcd({ members: 1 })
})
afterAll(() => etcd.stop())
beforeEach(() => etcd.ctl(['del', '--prefix', '/service/demo/']))
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close()))
})

function open(member: string): Store {
  const store = createEtcdStore({
    ...{ config: etcd.config, namespace: '/service/', scope: 'demo', member, clock, log: () => {} },
    timings: { ttlMs: 60_000, retryTimeoutMs: 2000 },
  })
  opened.push(store)
  return store
}

async function read(store: Store) {
  const seen = await store.read(BUDGET_MS)
  if (!seen.known) throw new Error(seen.why)
  return seen.value.failsafe
}

function revisionOf(outcome: WriteOutcome): Revision {
  if (outcome.kind !== 'done') throw new Error(outcome.kind)
  return outcome.revision
}

test('only the leader writes it, and everybody reads the members back', async () => {
  const [a, b] = [open('a'), open('b')]
  expect(await a.writeFailsafe(two, null, BUDGET_MS)).toMatchObject(refused)
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const at = revisionOf(await a.writeFailsafe(two, null, BUDGET_MS))
  expect(await read(b)).toEqual({ value: two, modRevision: at })
  expect(await b.writeFailsafe(three, at, BUDGET_MS)).toMatchObject(refused)
  expect((await read(b))?.value).toEqual(two)
})

test('a write that was decided on an older content is refused, however late it comes', async () => {
  const a = open('a')
  await lead(a, BUDGET_MS)
  const first = revisionOf(await a.writeFailsafe(two, null, BUDGET_MS))
  expect(await a.writeFailsafe(three, null, BUDGET_MS)).toMatchObject(refused)
  const second = revisionOf(await a.writeFailsafe(three, first, BUDGET_MS))
  expect(await a.writeFailsafe(two, first, BUDGET_MS)).toMatchObject(refused)
  expect(await read(a)).toEqual({ value: three, modRevision: second })
})

test('a leader that has given the key up writes it no more, and the next one continues at its revision', async () => {
  const [a, b] = [open('a'), open('b')]
  await lead(a, BUDGET_MS)
  const at = revisionOf(await a.writeFailsafe(two, null, BUDGET_MS))
  expect(await a.releaseLeader(null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  await lead(b, BUDGET_MS)
  expect(await a.writeFailsafe(three, at, BUDGET_MS)).toMatchObject(refused)
  expect(await b.writeFailsafe(three, at, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await read(a))?.value).toEqual(three)
})

test('as Patroni writes it, and what nobody can read counts as absent and is replaced', async () => {
  const a = open('a')
  await lead(a, BUDGET_MS)
  await etcd.ctl(['put', key, '{"p": "http://10.0.0.9:8008/patroni"}'])
  const patronis = await read(a)
  expect(patronis?.value).toEqual({ p: 'http://10.0.0.9:8008/patroni' })
  expect(await a.writeFailsafe(two, patronis?.modRevision ?? null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(JSON.parse(await etcd.ctl(['get', '--print-value-only', key]))).toEqual(two)
  await etcd.ctl(['put', key, '["not", "members"]'])
  expect(await read(a)).toBeNull()
  expect(await a.writeFailsafe(three, null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await read(a))?.value).toEqual(three)
})
