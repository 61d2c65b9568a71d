// The key `hactl/history` in a real etcd: who may write it, and what is read back.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { TakeoverNote } from '../../../src/model/cluster/takeover.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Store } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, lead, startEtcd } from './etcd-harness.ts'

let etcd: EtcdCluster
const opened: Store[] = []

beforeAll(async () => {
  etcd = await startEtcd({ members: 1 })
})
afterAll(() => etcd.stop())
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

/** Of a write that was not done. */
const nothing = revision(0)

test('why the leadership changed hands is noted by the leader only, at the revision that was read, and read back', async () => {
  const [a, b] = [open('a'), open('b')]
  const note: TakeoverNote = {
    ...{
      timeline: 4,
      cause: 'switchover',
      by: 'hactl on db1',
      from: 'b',
      to: 'a',
      at: '2026-11-29T20:00:00.000Z',
    },
    ...{ leaderlessMs: 812, lostBytes: 9_007_199_254_740_993n },
  }
  const unlike: TakeoverNote = { ...note, timeline: 5, cause: 'lease-ended', by: null, lostBytes: null }
  expect(await a.writeTakeovers([note], null, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const written = await a.writeTakeovers([note], null, BUDGET_MS)
  expect(written).toMatchObject({ kind: 'done' })
  const at = written.kind === 'done' ? written.revision : nothing
  expect(await b.writeTakeovers([], at, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.writeTakeovers([note], null, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.writeTakeovers([note, unlike], at, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const read = await b.read(BUDGET_MS)
  expect(read.known && read.value.takeovers?.value).toEqual([note, unlike])
  await etcd.ctl(['put', `/service/demo/hactl/history`, '[{"timeline":1},5,{"timeline":"x"}]'])
  const odd = await b.read(BUDGET_MS)
  expect(odd.known && odd.value.takeovers?.value).toEqual([])
})
