// The etcd adapter against three real members that stay up: leases, the leader key, guarded writes, the view.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { ClusterStatus, ClusterView, MemberRecord } from '../../../src/model/cluster/cluster.ts'
import { revision } from '../../../src/model/revision.ts'
import type { Store } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, LIMIT_MS, lead, startEtcd, until } from './etcd-harness.ts'

let etcd: EtcdCluster
let scope = ''
let scopes = 0
const opened: Store[] = []
const logged: string[] = []

beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(async () => {
  await etcd.stop()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close()))
})

function newScope(): void {
  scope = `scope${++scopes}`
}

function open(member: string, ttlMs = 60_000): Store {
  const store = createEtcdStore({
    config: etcd.config,
    namespace: '/service/',
    scope,
    member,
    clock,
    timings: { ttlMs, retryTimeoutMs: 2000 },
    log: (level, text) => logged.push(`${level} ${text}`),
  })
  opened.push(store)
  return store
}

const record = (state: string): MemberRecord => ({
  connUrl: 'postgres://127.0.0.1:5432/postgres',
  apiUrl: 'http://127.0.0.1:8008/patroni',
  state,
  role: 'replica',
  version: '4.1.4',
  tags: {},
  extra: { hactl: '0.1.0' },
})
const status = (optime: bigint): ClusterStatus => ({ optime, slots: null, retainSlots: null })
const get = (key: string) => etcd.ctl(['get', '--print-value-only', `/service/${scope}/${key}`])

/** Of a write that was not done. */
const nothing = revision(0)

test('the first of two candidates gets the leader key, the second is refused with its name', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  const outcomes = await Promise.all([lead(a, BUDGET_MS), lead(b, BUDGET_MS)])
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['done', 'refused'])
  const winner = outcomes[0]?.kind === 'done' ? 'a' : 'b'
  expect(outcomes.find(({ kind }) => kind === 'refused')).toMatchObject({ holder: winner })
  expect((await get('leader')).trim()).toBe(winner)
})

test('renewLeader writes the status in the same transaction, and only when it changed', async () => {
  newScope()
  const a = open('a')
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await a.renewLeader(status(9_007_199_254_740_993n), BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await get('status')).trim()).toBe('{"optime":9007199254740993}')
  const writtenAt = async () => {
    const read = await a.read(BUDGET_MS)
    return read.known ? read.value.status?.modRevision : undefined
  }
  // Again only where the answer to the first write was late: etcd may carry that out once more in between.
  await until('a renewal that leaves the status as it is', LIMIT_MS, async () => {
    const before = await writtenAt()
    expect(await a.renewLeader(status(9_007_199_254_740_993n), BUDGET_MS)).toMatchObject({ kind: 'done' })
    return before !== undefined && (await writtenAt()) === before
  })
  expect((await get('status')).trim()).toBe('{"optime":9007199254740993}')
})

test('renewLeader is refused when the key is absent, and when somebody else holds it', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  expect(await a.renewLeader(null, BUDGET_MS)).toMatchObject({ kind: 'refused', holder: null })
  expect(await lead(b, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await a.renewLeader(status(1n), BUDGET_MS)).toMatchObject({ kind: 'refused', holder: 'b' })
  expect((await get('status')).trim()).toBe('')
})

test('release deletes only the own key, and writes the status with it', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  await lead(a, BUDGET_MS)
  expect(await b.releaseLeader(status(1n), BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect(await a.releaseLeader(status(77n), BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await get('leader')).trim()).toBe('')
  expect((await get('status')).trim()).toBe('{"optime":77}')
  expect(await lead(b, BUDGET_MS)).toMatchObject({ kind: 'done' })
})

test('what another writer keeps in status stays, through renewals, a new timeline and the release', async () => {
  newScope()
  const a = open('a')
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  await etcd.ctl([
    'put',
    `/service/${scope}/status`,
    '{"optime":1,"current_site":"dc1","zzz":[9007199254740993]}',
  ])
  expect(await a.renewLeader(status(5n), BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await get('status')).trim()).toBe('{"optime":5,"current_site":"dc1","zzz":[9007199254740993]}')

  await etcd.ctl(['put', `/service/${scope}/status`, '{"optime":5,"current_site":"dc2"}'])
  const line = { timeline: 1, lsn: 25_000_000n, reason: 'no recovery target specified' }
  await until('the watch shows what the other writer wrote', LIMIT_MS, async () => {
    a.view()
    const written = await a.writeHistory([line], status(6n), null, BUDGET_MS)
    return written.kind === 'done'
  })
  expect((await get('status')).trim()).toBe('{"optime":6,"current_site":"dc2"}')
  await etcd.ctl(['put', `/service/${scope}/status`, '{"current_site":"dc3"}'])
  expect(await a.releaseLeader(status(7n), BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect((await get('status')).trim()).toBe('{"optime":7,"current_site":"dc3"}')
})

test('a second instance adopts the lease and goes on with the same key, written anew', async () => {
  newScope()
  const first = open('a')
  const got = await lead(first, BUDGET_MS)
  await first.close()
  const second = open('a')
  await until('view', LIMIT_MS, () => second.view().known)
  const view = await second.read(BUDGET_MS)
  const leader = view.known ? view.value.leader : null
  expect(leader).toMatchObject({ name: 'a', leaseId: got.kind === 'done' ? got.leaseId : '' })
  const adopted = await second.adoptLease(leader?.leaseId ?? '', BUDGET_MS)
  expect(adopted).toMatchObject({ kind: 'done', leaseId: leader?.leaseId })
  const leaderKey = async () =>
    JSON.parse(await etcd.ctl(['get', `/service/${scope}/leader`, '-w', 'json'])).kvs
  const anew = await leaderKey()
  expect(await second.renewLeader(null, BUDGET_MS)).toMatchObject({ kind: 'done', leaseId: leader?.leaseId })
  const now = await second.read(BUDGET_MS)
  // Once: what a former run may have sent to release it finds another revision.
  expect(anew[0].version).toBeGreaterThan(1)
  expect(await leaderKey()).toEqual(anew)
  expect(anew[0].mod_revision).toBe(now.known && now.value.leader?.modRevision)
  // Others believe the record of who led last only while it is not older than the key.
  expect(now.known && now.value.lastLeader).toEqual({ value: 'a', modRevision: anew[0].mod_revision })
})

test('an unknown lease cannot be adopted; without adoption the key is re-bound to a new lease', async () => {
  newScope()
  const first = open('a')
  const got = await lead(first, BUDGET_MS)
  const second = open('a')
  expect(await second.adoptLease('12345', BUDGET_MS)).toMatchObject({ kind: 'refused', holder: null })
  expect(await lead(second, BUDGET_MS)).toMatchObject({ kind: 'refused', holder: 'a' })
  const renewed = await second.renewLeader(null, BUDGET_MS)
  expect(renewed).toMatchObject({ kind: 'done' })
  expect(renewed.kind === 'done' && got.kind === 'done' && renewed.leaseId !== got.leaseId).toBe(true)
  const view = await second.read(BUDGET_MS)
  expect(view.known && view.value.leader?.leaseId).toBe(renewed.kind === 'done' ? renewed.leaseId : '')
})

test('a lease that etcd no longer knows is replaced; the leader learns that its key is gone', async () => {
  newScope()
  const a = open('a')
  const got = await lead(a, BUDGET_MS)
  await etcd.ctl(['lease', 'revoke', BigInt(got.kind === 'done' ? got.leaseId : '0').toString(16)])
  expect(await a.renewLeader(null, BUDGET_MS)).toMatchObject({ kind: 'refused', holder: null })
  expect(await a.publishMember(record('running'), BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
})

test('a changed ttl takes a new lease, to which member and leader key move', async () => {
  newScope()
  const a = open('a')
  await until('view', LIMIT_MS, () => a.view().known)
  const before = await lead(a, BUDGET_MS)
  await a.publishMember(record('running'), BUDGET_MS)
  a.retime({ ttlMs: 28_000, retryTimeoutMs: 2000 })
  const sentMs = clock.bootMs()
  const after = await a.renewLeader(null, BUDGET_MS)
  if (before.kind !== 'done' || after.kind !== 'done') throw new Error('not done')
  expect(after.leaseId).not.toBe(before.leaseId)
  expect(after.validUntilMs).toBeGreaterThanOrEqual(sentMs + 28_000)
  expect(after.validUntilMs).toBeLessThanOrEqual(sentMs + BUDGET_MS + 28_000)
  expect(await a.publishMember(record('running'), BUDGET_MS)).toMatchObject({ kind: 'done' })
  const view = await a.read(BUDGET_MS)
  expect(view.known && view.value.members.map(({ leaseId }) => leaseId)).toEqual([after.leaseId])
  expect(view.known && view.value.leader?.leaseId).toBe(after.leaseId)
})

test('validUntil lies before the instant at which etcd removes the key, and a whole ttl after the request', async () => {
  newScope()
  const [a, b] = [open('a', 5000), open('b', 5000)]
  let held = false
  let goneMs = 0
  b.onChange(keys => {
    const view = b.view()
    held ||= leaderOf(b) === 'a'
    if (keys.includes('leader') && view.known && view.value.leader === null) goneMs ||= clock.bootMs()
  })
  await until('view', LIMIT_MS, () => b.view().known)
  const sentMs = clock.bootMs()
  const got = await lead(a, BUDGET_MS)
  if (got.kind !== 'done') throw new Error(got.why)
  await until('leader seen', LIMIT_MS, () => held)
  await until('expiry', LIMIT_MS, () => goneMs > 0)
  expect(goneMs).toBeGreaterThan(got.validUntilMs)
  // How long etcd keeps a key beyond its time is its own affair: an election begins the ttl anew.
  expect(got.validUntilMs).toBeGreaterThanOrEqual(sentMs + 5000)
})

/** At once, unless the watch just begins anew. */
async function knownView(store: Store): Promise<ClusterView> {
  await until('view', LIMIT_MS, () => store.view().known)
  const view = store.view()
  if (!view.known) throw new Error(view.why)
  return view.value
}

function leaderOf(store: Store): string | null | undefined {
  const view = store.view()
  return view.known ? (view.value.leader?.name ?? null) : undefined
}

test('the view follows other nodes, tells which keys changed, and shows own writes at once', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  const heard: string[] = []
  b.onChange(keys => heard.push(...keys))
  expect(b.view().known).toBe(false)
  await until('view', LIMIT_MS, () => b.view().known)
  await a.publishMember(record('running'), BUDGET_MS)
  await until('member seen', LIMIT_MS, () => heard.includes('members/a'))
  await lead(a, BUDGET_MS)
  await until('leader seen', LIMIT_MS, () => leaderOf(b) === 'a')
  await b.publishMember(record('stopped'), BUDGET_MS)
  const { members, source } = await knownView(b)
  expect(members.map(({ name, record: { state } }) => `${name} ${state}`)).toEqual(['a running', 'b stopped'])
  expect(source).toBe('watch')
  await a.releaseLeader(null, BUDGET_MS)
  await until('release seen', LIMIT_MS, () => leaderOf(b) === null)
})

test('an unchanged member record is not written again while the watch is alive', async () => {
  newScope()
  const a = open('a')
  await knownView(a)
  const first = await a.publishMember(record('running'), BUDGET_MS)
  await knownView(a)
  const second = await a.publishMember(record('running'), BUDGET_MS)
  expect(second).toEqual(first)
  await etcd.ctl(['del', `/service/${scope}/members/a`])
  await until('deletion seen', LIMIT_MS, () => {
    const view = a.view()
    return view.known && view.value.members.length === 0
  })
  const third = await a.publishMember(record('running'), BUDGET_MS)
  expect(third).toMatchObject({ kind: 'done' })
  expect(third).not.toEqual(first)
})

test('config and initialize are written only at the revision that was read', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  const created = await a.writeConfig({ ttl: 30 }, null, BUDGET_MS)
  expect(created).toMatchObject({ kind: 'done' })
  expect(await b.writeConfig({ ttl: 20 }, null, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  const at = created.kind === 'done' ? created.revision : nothing
  expect(await b.writeConfig({ ttl: 20 }, at, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await a.writeConfig({ ttl: 10 }, at, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect((await get('config')).trim()).toBe('{"ttl":20}')

  const races = await Promise.all([
    a.writeInitialize('', null, BUDGET_MS),
    b.writeInitialize('', null, BUDGET_MS),
  ])
  expect(races.map(({ kind }) => kind).sort()).toEqual(['done', 'refused'])
  const won = races.find(({ kind }) => kind === 'done')
  const initRevision = won?.kind === 'done' ? won.revision : nothing
  expect(await a.writeInitialize('7710955613899059416', initRevision, BUDGET_MS)).toMatchObject({
    kind: 'done',
  })
  expect(await b.deleteInitialize(initRevision, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect((await get('initialize')).trim()).toBe('7710955613899059416')
})

test('the claim to create a cluster ends with its owner; the identifier does not', async () => {
  newScope()
  const a = open('a')
  const claimed = await a.writeInitialize('', null, BUDGET_MS)
  const held = await a.read(BUDGET_MS)
  expect(held.known && held.value.initialize?.value).toBe('')
  const leaseOf = async (): Promise<string> =>
    JSON.parse(await etcd.ctl(['get', `/service/${scope}/initialize`, '-w', 'json'])).kvs[0].lease ?? 0
  expect(await leaseOf()).not.toBe(0)
  const at = claimed.kind === 'done' ? claimed.revision : nothing
  expect(await a.writeInitialize('7710955613899059416', at, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await leaseOf()).toBe(0)
})

test('a failover request replaces an empty one, conflicts with another one, and is cleared by revision', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  const request = { leader: 'a', candidate: 'b', scheduledAt: null }
  const empty = await a.writeFailover(null, undefined, BUDGET_MS)
  expect(empty).toMatchObject({ kind: 'done' })
  expect((await get('failover')).trim()).toBe('{}')
  const asked = await a.writeFailover(request, null, BUDGET_MS)
  expect(asked).toMatchObject({ kind: 'done' })
  expect((await get('failover')).trim()).toBe('{"leader":"a","member":"b"}')
  expect(await b.writeFailover({ ...request, candidate: 'c' }, null, BUDGET_MS)).toMatchObject({
    kind: 'refused',
  })
  expect(await b.writeFailover({ ...request, candidate: 'c' }, undefined, BUDGET_MS)).toMatchObject({
    kind: 'done',
  })
  const at = asked.kind === 'done' ? asked.revision : nothing
  expect(await a.writeFailover(null, at, BUDGET_MS)).toMatchObject({ kind: 'refused' })
})

test('garbage in every key neither throws nor hides the rest', async () => {
  newScope()
  const a = open('a', 60_000)
  a.view()
  await a.publishMember(record('running'), BUDGET_MS)
  const garbage = ['null', '[]', '{"leader":', '"x"', '{"__proto__":{"x":1}}', '[[[', '12', 'a:b:c', '']
  const keys = [
    'leader',
    'status',
    'failover',
    'history',
    'sync',
    'failsafe',
    'config',
    'initialize',
    'members/x',
    'y',
  ]
  await until('view', LIMIT_MS, () => a.view().known)
  for (const text of garbage) {
    const puts = keys.map(key => `put /service/${scope}/${key} -- ${JSON.stringify(text)}`).join('\n')
    await Promise.all(['zz', ...keys].map(key => etcd.ctl(['put', '--', `/service/${scope}/${key}`, text])))
    const read = await a.read(BUDGET_MS)
    expect(read.known && read.value.members.map(({ name }) => name), puts).toEqual(['a', 'x'])
    expect(({} as { x?: unknown }).x).toBeUndefined()
  }
  await until('last garbage seen', LIMIT_MS, () => {
    const view = a.view()
    return view.known && view.value.initialize?.value === ''
  })
  await etcd.ctl(['del', `/service/${scope}/leader`])
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  expect(await a.writeHistory([], null, null, BUDGET_MS)).toMatchObject({ kind: 'done' })
})

test('history and the position on the new timeline are written together, by the leader, at the revision that was read', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  const line = { timeline: 1, lsn: 25_000_000n, reason: 'no recovery target specified' }
  const status = { optime: 25_000_100n, slots: { a: 25_000_100n }, retainSlots: [] }
  expect(await a.writeHistory([line], status, null, BUDGET_MS)).toMatchObject({
    kind: 'refused',
    why: 'leader or status is not what it was',
  })
  expect([await get('history'), await get('status')]).toEqual(['', ''])
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const written = await a.writeHistory([line], status, null, BUDGET_MS)
  expect(written).toMatchObject({ kind: 'done' })
  expect((await get('history')).trim()).toBe('[[1,25000000,"no recovery target specified"]]')
  expect((await get('status')).trim()).toBe('{"optime":25000100,"slots":{"a":25000100}}')

  const at = written.kind === 'done' ? written.revision : nothing
  const before = await a.writeHistory([], { ...status, optime: 1n }, null, BUDGET_MS)
  expect(before).toMatchObject({ kind: 'refused', why: expect.stringContaining('exists already') })
  expect(await b.writeHistory([], status, at, BUDGET_MS)).toMatchObject({ kind: 'refused' })
  expect((await get('status')).trim()).toContain('"optime":25000100')
  expect(await a.writeHistory([line, line], null, at, BUDGET_MS)).toMatchObject({ kind: 'done' })
})

test('many calls at once: each is answered, on one lease', async () => {
  newScope()
  const a = open('a')
  const outcomes = await Promise.all(Array.from({ length: 40 }, () => a.keepLease(BUDGET_MS)))
  expect(
    new Set(outcomes.map(outcome => (outcome.kind === 'done' ? outcome.leaseId : outcome.kind))).size,
  ).toBe(1)
  const published = await Promise.all(
    Array.from({ length: 8 }, (_, i) => a.publishMember(record(`state ${i}`), BUDGET_MS)),
  )
  expect(published.every(({ kind }) => kind === 'done')).toBe(true)
})

test('a member key that another node wrote unseen is not written over; once it was seen, deciding is no business of the store', async () => {
  newScope()
  const a = open('a')
  await until('view', LIMIT_MS, () => a.view().known)
  const ours = a.publishMember(record('running'), BUDGET_MS)
  expect((await ours).kind).toBe('done')
  const theirs = open('a')
  // It has not seen the key: it has no view yet.
  const written = await theirs.publishMember(record('stopped'), BUDGET_MS)
  expect(written).toMatchObject({
    kind: 'refused',
    why: expect.stringContaining('another node wrote members/a'),
  })
  expect(await get('members/a')).toContain('"running"')
})

test('a burst of changes: none is lost, the last one stands', async () => {
  newScope()
  const [a, b] = [open('a'), open('b')]
  const told: (string | null | undefined)[] = []
  const candidate = () => {
    const view = b.view()
    return view.known ? view.value.failover?.value.candidate : undefined
  }
  b.onChange(keys => {
    if (keys.includes('failover')) told.push(candidate())
  })
  await until('view', LIMIT_MS, () => b.view().known)
  for (let i = 0; i < 100; i++) {
    await a.writeFailover({ leader: 'a', candidate: `n${i}`, scheduledAt: null }, undefined, BUDGET_MS)
  }
  await until('last request seen', LIMIT_MS, () => candidate() === 'n99')
  // One message of etcd may hold several changes, of which only the last is seen.
  const numbers = told.map(name => Number(name?.slice(1)))
  expect(numbers).toEqual([...new Set(numbers)].sort((x, y) => x - y))
  expect(numbers.at(-1)).toBe(99)
})

test('the view of an idle cluster stays known, and its age small', async () => {
  newScope()
  const a = open('a', 5000)
  const ages = new Set<number>()
  a.onChange(() => {
    // Rightly so while etcd elects, or stands still: counted anew.
    if (!a.view().known) ages.clear()
  })
  await until('progress told four times without a gap', 30_000, () => {
    const view = a.view()
    if (view.known) ages.add(view.atMs)
    return ages.size >= 5
  })
  const view = a.view()
  expect(view.known && clock.bootMs() - view.atMs).toBeLessThan(10_000)
})

test('who decided before somebody else led does not get the leader key, even if it is free again', async () => {
  newScope()
  const a = open('a')
  const b = open('b')
  const before = await a.read(BUDGET_MS)
  expect(before.known && before.value.lastLeader).toBeNull()
  expect(await b.acquireLeader(null, true, BUDGET_MS)).toMatchObject({ kind: 'done' })
  await etcd.ctl(['del', `/service/${scope}/leader`])
  expect(await a.acquireLeader(null, true, BUDGET_MS)).toMatchObject({ kind: 'refused', holder: null })
  const now = await a.read(BUDGET_MS)
  expect(now.known && now.value.lastLeader?.value).toBe('b')
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
})

test('a leader that gives the key up leaves a record that says so', async () => {
  newScope()
  const a = open('a')
  await lead(a, BUDGET_MS)
  expect(await a.releaseLeader(null, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const view = await a.read(BUDGET_MS)
  expect(view.known && view.value.leader).toBeNull()
  expect(view.known && view.value.lastLeader).toMatchObject({ value: null })
})
