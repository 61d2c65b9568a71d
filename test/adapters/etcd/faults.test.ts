// The etcd adapter while members die, freeze and come back. Budgets are total: no answer takes longer than asked for.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { MemberName } from '../../../src/model/units.ts'
import type { LeaseOutcome, Store } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, LIMIT_MS, lead, startEtcd, until } from './etcd-harness.ts'

let etcd: EtcdCluster
let scope = ''
let scopes = 0
/** Around an election, which on a busy machine may need several rounds. */
const ELECTION_LIMIT_MS = 30_000
/** Less than `BUDGET_MS`: what hangs has not eaten the whole budget. */
const BEFORE_BUDGET_ENDS_MS = 8000
/** Of a store whose watch asks its member every second. */
const WATCHING = { ttlMs: 5000 }
const opened: Store[] = []
const logged: string[] = []

beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(async () => {
  await etcd.stop()
})
beforeEach(() => {
  scope = `scope${++scopes}`
  logged.length = 0
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close()))
})

// The endpoint `first` comes first in the list, so that it is the one in use.
function open(member: string, { first = 0, ttlMs = 60_000 } = {}): Store {
  const { endpoints, ...config } = etcd.config
  const store = createEtcdStore({
    config: { ...config, endpoints: [...endpoints.slice(first), ...endpoints.slice(0, first)] },
    namespace: 'service',
    scope,
    member,
    clock,
    timings: { ttlMs, retryTimeoutMs: 2000 },
    log: (level, text) => logged.push(`${level} ${text}`),
  })
  opened.push(store)
  return store
}

interface Timed {
  readonly outcome: LeaseOutcome
  readonly tookMs: number
  readonly sentMs: number
}

async function renew(store: Store, budgetMs: number): Promise<Timed> {
  const sentMs = clock.bootMs()
  const outcome = await store.renewLeader(null, budgetMs)
  return { outcome, sentMs, tookMs: clock.bootMs() - sentMs }
}

function leaderSeenBy(store: Store): MemberName | null | undefined {
  const view = store.view()
  return view.known ? (view.value.leader?.name ?? null) : undefined
}

/** How often the log says that an endpoint failed. */
function failuresTold(index: number): number {
  const { host, port } = etcd.member(index).endpoint
  const named = [`${host}:${port} failed:`, `${host}:${port} refuses connections`]
  return logged.filter(line => line.includes('etcd endpoint') && named.some(text => line.includes(text)))
    .length
}

/** The leader of a cluster of its own, which has asked nobody but the member `index` yet. */
async function leaderThrough(index: number): Promise<Store> {
  for (let tries = 0; tries < 5; tries++) {
    scope = `scope${++scopes}`
    logged.length = 0
    const store = open('a', { first: index })
    const { kind } = await lead(store, BUDGET_MS)
    // A member that was slow once is left for another one.
    if (kind === 'done' && !logged.some(line => line.includes(' failed:'))) return store
  }
  throw new Error(`not led through m${index}: ${logged.join()}`)
}

/** A store whose watch is at the member `index`. */
async function watcherAt(index: number): Promise<Store> {
  const { host, port } = etcd.member(index).endpoint
  for (let tries = 0; tries < 5; tries++) {
    logged.length = 0
    const store = open('b', { first: index, ...WATCHING })
    await until('view', LIMIT_MS, () => store.view().known)
    const last = logged.findLast(line => line.includes('watch on etcd'))
    if (last?.includes(`is at ${host}:${port}`) === true) return store
    await store.close()
  }
  throw new Error(`no watch at m${index}: ${logged.join()}`)
}

async function follower(): Promise<number> {
  return ((await etcd.raftLeader()) + 1) % 3
}

test('a frozen follower that is in use costs one bounded try', async () => {
  const index = await follower()
  const a = await leaderThrough(index)
  try {
    await etcd.member(index).freeze()
    for (let round = 0; round < 2; round++) {
      const { outcome, tookMs } = await renew(a, BUDGET_MS)
      expect(outcome).toMatchObject({ kind: 'done' })
      expect(tookMs).toBeLessThan(BEFORE_BUDGET_ENDS_MS)
    }
    expect(failuresTold(index)).toBe(1)
  } finally {
    etcd.thawAll()
  }
})

test('a frozen raft leader: renewals go on after etcd has elected, and no validity is false', async () => {
  const index = await etcd.raftLeader()
  const a = open('a', { first: index })
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  const outcomes: Timed[] = []
  try {
    await etcd.member(index).freeze()
    const endMs = clock.bootMs() + ELECTION_LIMIT_MS
    while (clock.bootMs() < endMs && outcomes.at(-1)?.outcome.kind !== 'done')
      outcomes.push(await renew(a, 1500))
  } finally {
    etcd.thawAll()
  }
  expect(outcomes.at(-1)?.outcome).toMatchObject({ kind: 'done' })
  expect(outcomes.every(({ tookMs }) => tookMs < 6000)).toBe(true)
  expect(outcomes.every(({ outcome }) => outcome.kind !== 'refused')).toBe(true)
  await etcd.healthy()
})

test('a killed member in use costs next to nothing', async () => {
  const index = await follower()
  const a = await leaderThrough(index)
  await etcd.member(index).kill()
  try {
    const { outcome, tookMs } = await renew(a, BUDGET_MS)
    expect(outcome).toMatchObject({ kind: 'done' })
    expect(tookMs).toBeLessThan(BEFORE_BUDGET_ENDS_MS)
    expect(failuresTold(index)).toBe(1)
  } finally {
    await etcd.member(index).start()
    await etcd.healthy()
  }
})

test('all frozen: unreachable within the budget; thawed before the ttl: the same lease goes on', async () => {
  const a = open('a')
  const got = await lead(a, BUDGET_MS)
  try {
    for (const member of etcd.members) await member.freeze()
    const { outcome, tookMs } = await renew(a, 1000)
    expect(outcome).toMatchObject({ kind: 'unreachable' })
    expect(tookMs).toBeGreaterThan(900)
    expect(tookMs).toBeLessThan(5000)
    const read = await a.read(500)
    expect(read).toMatchObject({ known: false, why: expect.stringContaining('500 ms') })
  } finally {
    etcd.thawAll()
  }
  let again: LeaseOutcome = { kind: 'unreachable', why: '' }
  await until('renewal', ELECTION_LIMIT_MS, async () => {
    again = await a.renewLeader(null, BUDGET_MS)
    return again.kind !== 'unreachable'
  })
  expect(again).toMatchObject({ kind: 'done', leaseId: got.kind === 'done' ? got.leaseId : '' })
})

test('all killed: unreachable within the budget, the view says so; back again: the store and its watch recover', async () => {
  const [a, b] = [open('a'), open('b', WATCHING)]
  await lead(a, BUDGET_MS)
  await until('view', LIMIT_MS, () => leaderSeenBy(b) === 'a')
  await Promise.all(etcd.members.map(member => member.kill()))
  try {
    const { outcome, tookMs } = await renew(a, 1000)
    expect(outcome).toMatchObject({ kind: 'unreachable' })
    expect(tookMs).toBeLessThan(5000)
    await until('view unknown', LIMIT_MS, () => !b.view().known)
  } finally {
    for (const member of etcd.members) await member.start()
  }
  const renewed = async () => (await a.renewLeader(null, BUDGET_MS)).kind === 'done'
  await until('renewal', ELECTION_LIMIT_MS, renewed)
  await until('view', LIMIT_MS, () => leaderSeenBy(b) === 'a')
  await etcd.healthy()
})

test('a frozen carrier of the watch is left within three intervals, and no change is lost', async () => {
  const index = await follower()
  const b = await watcherAt(index)
  const a = open('a', { first: (index + 1) % 3 })
  const lost: string[] = []
  b.onChange(() => {
    const { known } = b.view()
    if (!known) lost.push('unknown')
  })
  try {
    await etcd.member(index).freeze()
    await lead(a, BUDGET_MS)
    await until('leader seen', LIMIT_MS, () => leaderSeenBy(b) === 'a')
    expect(lost.length).toBeGreaterThan(0)
    // Pings would take 11 s to find out.
    expect(logged.join('\n')).toMatch(/watch on etcd at .* ended: silent/)
    await a.releaseLeader(null, BUDGET_MS)
    await until('release seen', LIMIT_MS, () => leaderSeenBy(b) === null)
  } finally {
    etcd.thawAll()
  }
})

test('a member that lost its raft leader ends the watch, although it still answers', async () => {
  const leader = await etcd.raftLeader()
  const [one, two] = [(leader + 1) % 3, (leader + 2) % 3]
  const a = open('a', { first: one })
  await until('view', LIMIT_MS, () => a.view().known)
  try {
    await etcd.member(leader).freeze()
    await etcd.member(two).freeze()
    await until('view unknown', ELECTION_LIMIT_MS, () => !a.view().known)
  } finally {
    etcd.thawAll()
  }
  await until('view', ELECTION_LIMIT_MS, () => a.view().known)
  await etcd.healthy()
})

test('the watch begins anew after a compaction that it had slept through', async () => {
  const index = await follower()
  const [a, b] = [open('a', { first: (index + 1) % 3 }), open('b', { first: index, ...WATCHING })]
  await until('view', LIMIT_MS, () => b.view().known)
  await etcd.member(index).kill()
  try {
    await lead(a, BUDGET_MS)
    const read = await a.read(BUDGET_MS)
    await etcd.ctl(['compact', String(read.known ? read.value.revision : 0)], {
      endpoint: etcd.member((index + 1) % 3).endpoint,
    })
    await until('leader seen', LIMIT_MS, () => leaderSeenBy(b) === 'a')
  } finally {
    await etcd.member(index).start()
    await etcd.healthy()
  }
})

test('a lost answer of the own write is recognised: acquire says done, not refused', async () => {
  const index = await follower()
  const a = open('a', { first: index })
  await a.keepLease(BUDGET_MS)
  try {
    await etcd.member(index).freeze()
    // Longer than a try, of which none takes more than 700 ms in the first round.
    const thawed = clock.sleep(1000).then(() => etcd.thawAll())
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
    await thawed
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  } finally {
    etcd.thawAll()
  }
})

test('two candidates race while the raft leader is frozen: exactly one wins', async () => {
  const index = await etcd.raftLeader()
  const [a, b] = [open('a', { first: index }), open('b', { first: (index + 1) % 3 })]
  await Promise.all([a.keepLease(BUDGET_MS), b.keepLease(BUDGET_MS)])
  let outcomes: readonly LeaseOutcome[] = []
  try {
    await etcd.member(index).freeze()
    outcomes = await Promise.all([lead(a, ELECTION_LIMIT_MS), lead(b, ELECTION_LIMIT_MS)])
  } finally {
    etcd.thawAll()
  }
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['done', 'refused'])
  await etcd.healthy()
})

test('close ends calls in flight, the watch and every socket in bounded time', async () => {
  const sockets = () => process.getActiveResourcesInfo().filter(name => /TCP|Timeout/.test(name)).length
  const before = sockets()
  const a = open('a')
  await until('view', LIMIT_MS, () => a.view().known)
  try {
    for (const member of etcd.members) await member.freeze()
    const pending = a.renewLeader(null, 30_000)
    const startedMs = clock.bootMs()
    await a.close()
    expect(await pending).toMatchObject({ kind: 'unreachable' })
    expect(clock.bootMs() - startedMs).toBeLessThan(10_000)
    await until('no socket left', LIMIT_MS, () => sockets() <= before)
  } finally {
    etcd.thawAll()
  }
  expect(await lead(a, 200)).toMatchObject({ kind: 'unreachable' })
})

test('an etcd whose disk is full refuses the status, not the lease: the leader stays and can be relieved', async () => {
  const full = await startEtcd({ flags: ['--quota-backend-bytes', '1000000'] })
  const openOnFull = () =>
    createEtcdStore({
      ...{ config: full.config, namespace: 'service', scope, member: 'a', clock, log: () => undefined },
      timings: { ttlMs: 60_000, retryTimeoutMs: 2000 },
    })
  const [former, store] = [openOnFull(), openOnFull()]
  try {
    const led = await lead(former, BUDGET_MS)
    expect(led).toMatchObject({ kind: 'done' })
    const blob = 'x'.repeat(100_000)
    for (let n = 0; n < 30; n++) await full.ctl(['put', `/filler${n}`, blob]).catch(() => undefined)
    await until('the alarm', LIMIT_MS, async () => (await full.ctl(['alarm', 'list'])).includes('NOSPACE'))
    const status = { optime: 83886080n, slots: null, retainSlots: null }
    expect(await former.renewLeader(status, BUDGET_MS)).toMatchObject({ kind: 'done' })
    expect(await former.renewLeader(status, BUDGET_MS)).toMatchObject({ kind: 'done' })
    // An agent that was started again needs it no less.
    const leaseId = led.kind === 'done' ? led.leaseId : ''
    expect(await store.adoptLease(leaseId, BUDGET_MS)).toMatchObject({ kind: 'done', leaseId })
    expect(await store.renewLeader(status, BUDGET_MS)).toMatchObject({ kind: 'done' })
    expect(await store.releaseLeader(status, BUDGET_MS)).toMatchObject({ kind: 'done' })
    const view = await store.read(BUDGET_MS)
    expect(view.known && view.value.leader).toBeNull()
  } finally {
    await Promise.all([former.close(), store.close()])
    await full.stop()
  }
})
