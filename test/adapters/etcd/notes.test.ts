// The keys `hactl/guard` and `hactl/drain/<member>` in a real etcd: who may write them, by which revisions, and what is read back.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import { guardOf } from '../../../src/model/cluster/guard.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Revision } from '../../../src/model/units.ts'
import type { CommandStore, Store, WriteOutcome } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, lead, startEtcd } from './etcd-harness.ts'

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

function open(member: string): CommandStore {
  const store = createEtcdStore({
    ...{ config: etcd.config, namespace: '/service/', scope: 'demo', member, clock, log: () => {} },
    timings: { ttlMs: 60_000, retryTimeoutMs: 2000 },
  })
  opened.push(store)
  return store
}

async function viewOf(store: Store) {
  const read = await store.read(BUDGET_MS)
  if (!read.known) throw new Error(read.why)
  return read.value
}

function before(later: Revision): Revision {
  return revision(Number(later) - 1)
}

function revisionOf(outcome: WriteOutcome): Revision {
  if (outcome.kind !== 'done') throw new Error(outcome.kind)
  return outcome.revision
}

test('the note of the guard comes with the leader key, and only the leader of that reign replaces it', async () => {
  const [a, b] = [open('a'), open('b')]
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const first = await viewOf(b)
  expect(first.guard?.value).toEqual({ leader: 'a', guarded: true })
  expect(guardOf(first, 'a')).toBe('yes')
  const reign = first.leader?.modRevision ?? revision(0)
  const written = first.guard?.modRevision ?? revision(0)
  expect(await a.noteGuard(false, written, before(reign), BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.noteGuard(false, null, reign, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  const off = revisionOf(await a.noteGuard(false, written, reign, BUDGET_MS))
  expect(guardOf(await viewOf(b), 'a')).toBe('no')
  // What was sent before comes too late.
  expect(await a.noteGuard(true, written, reign, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.releaseLeader(null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await a.noteGuard(true, off, reign, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(guardOf(await viewOf(b), 'a')).toBe('no')
  expect(await lead(b, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await viewOf(a)).guard?.value).toEqual({ leader: 'b', guarded: true })
})

test('a primary that takes the key unguarded says so, and a restarted agent has to say anew that it is guarded', async () => {
  const a = open('a')
  expect(await a.acquireLeader(null, false, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(guardOf(await viewOf(a), 'a')).toBe('no')
  const { leader, guard = null } = await viewOf(a)
  await a.noteGuard(true, guard?.modRevision ?? null, leader?.modRevision ?? revision(0), BUDGET_MS)
  expect(guardOf(await viewOf(a), 'a')).toBe('yes')
  const next = open('a')
  expect(await next.adoptLease(leader?.leaseId ?? '0', BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(guardOf(await viewOf(a), 'a')).toBe('unknown')
})

test('a note that nobody can read is none, and is replaced', async () => {
  const a = open('a')
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  for (const text of ['', '[]', '{"leader": 7}', '{"leader": "a/b", "guarded": true}', 'null'])
    await etcd.ctl(['put', '/service/demo/hactl/guard', text]).then(async () => {
      const { guard, leader } = await viewOf(a)
      expect(guard).toBeNull()
      const outcome = await a.noteGuard(false, null, leader?.modRevision ?? revision(0), BUDGET_MS)
      expect(outcome).toMatchObject({ kind: 'done' })
    })
  await etcd.ctl(['put', '/service/demo/hactl/guard', '{"leader": "a", "guarded": "yes"}'])
  expect(guardOf(await viewOf(a), 'a')).toBe('no')
})

test('a drain is written and taken away at the revision that was read, for members of any name', async () => {
  const [a, b] = [open('a'), open('b')]
  const note = { by: 'kim@ops', at: '2026-11-30T02:00:00Z', reason: 'new disk: "quick", no\nhurry' }
  const written = revisionOf(await a.writeDrain('pg 2.x', note, null, BUDGET_MS))
  expect(await b.writeDrain('pg 2.x', { ...note, by: 'lee' }, null, BUDGET_MS)).toMatchObject({
    kind: 'refused',
  })
  expect((await viewOf(b)).drains).toEqual([{ member: 'pg 2.x', modRevision: written, note }])
  expect(await b.writeDrain('pg3', { by: null, at: null, reason: null }, null, BUDGET_MS)).toMatchObject({
    kind: 'done',
  })
  expect(await b.writeDrain('pg 2.x', null, before(written), BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await b.writeDrain('pg 2.x', null, written, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await b.writeDrain('pg 2.x', null, written, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect((await viewOf(a)).drains?.map(({ member }) => member)).toEqual(['pg3'])
})

test('a promotion is recorded by the leader only, at the revision that was read, and what cannot be read is left out', async () => {
  const [a, b] = [open('a'), open('b')]
  const systemIdentifier = '7713683044898210332'
  const one = { timeline: 2, from: 1, at: 0x6000470n, by: 'b' }
  const two = { timeline: 3, from: 1, at: 0x6000470n, by: 'a' }
  const record = (...numbers: (typeof one)[]) => ({ systemIdentifier, numbers })
  expect(await a.writePromotions(record(two), null, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const written = await a.writePromotions(record(one), null, BUDGET_MS)
  expect(written).toMatchObject({ kind: 'done' })
  const at = written.kind === 'done' ? written.revision : revision(0)
  expect(await a.writePromotions(record(two), null, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.writePromotions(record(two), before(at), BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await b.writePromotions(record(two), at, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.writePromotions(record(two, one), at, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await viewOf(b)).promotions?.value).toEqual(record(one, two))
  // It does not grow for ever, and the highest number is what counts.
  const many = Array.from({ length: 150 }, (_, index) => ({ ...one, timeline: index + 2 }))
  const last = (await viewOf(a)).promotions?.modRevision ?? null
  await a.writePromotions(record(...many), last, BUDGET_MS)
  expect((await viewOf(b)).promotions?.value.numbers).toEqual(many.slice(-100))
  const odd = {
    system_identifier: '1',
    promotions: [{ timeline: 'x' }, 5, { timeline: 7, from: 1, at: '0/1', by: 'a' }],
  }
  await etcd.ctl(['put', '/service/demo/hactl/promotions', JSON.stringify(odd)])
  expect((await viewOf(b)).promotions?.value.numbers).toEqual([{ timeline: 7, from: 1, at: 1n, by: 'a' }])
  await etcd.ctl(['put', '/service/demo/hactl/promotions', 'nonsense'])
  expect((await viewOf(b)).promotions).toBe(null)
  expect(await a.writePromotions(record(one), null, BUDGET_MS)).toMatchObject({ kind: 'done' })
})
