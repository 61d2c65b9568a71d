// The etcd adapter over a network that loses answers or delays requests: what it was told must stay true.

import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createEtcdStore } from '../../../src/dcs/etcd/store.ts'
import type { HostPort } from '../../../src/model/settings/config.ts'
import type { Store } from '../../../src/ports/store.ts'
import { BUDGET_MS, clock, type EtcdCluster, LIMIT_MS, lead, startEtcd, until } from './etcd-harness.ts'
import { Relay } from './relay.ts'

let etcd: EtcdCluster
let relay: Relay
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
beforeEach(async () => {
  scope = `scope${++scopes}`
  logged.length = 0
  relay = await Relay.start(etcd.member(0).endpoint)
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close()))
  await relay.stop()
})

function open(member: string, endpoints: readonly HostPort[], ttlMs = 60_000): Store {
  const store = createEtcdStore({
    config: { endpoints, tls: null, credentials: null },
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

const relayFirst = () => [relay.endpoint, etcd.member(1).endpoint]

/** A store with a lease that has asked nobody but the relay yet. */
async function openThroughRelay(second = etcd.member(1).endpoint): Promise<Store> {
  for (let tries = 0; tries < 5; tries++) {
    logged.length = 0
    const store = open('a', [relay.endpoint, second])
    const { kind } = await store.keepLease(BUDGET_MS)
    // An endpoint that was slow once is left for another one.
    if (kind === 'done' && !logged.some(line => line.includes(' failed:'))) return store
  }
  throw new Error(`no lease through the relay: ${logged.join()}`)
}

test('acquire whose answer is lost is done', async () => {
  const a = await openThroughRelay()
  // The keep-alive's answer passes, the answer to the create does not.
  const lost = relay.holdAfterNextAnswer(async () => relay.loseAnswers())
  expect(await a.acquireLeader(null, true, BUDGET_MS)).toMatchObject({ kind: 'done' })
  await lost
  expect(logged.join()).toMatch(/no answer within|Deadline exceeded/)
  const read = await a.read(BUDGET_MS)
  expect(read.known && read.value.leader?.name).toBe('a')
})

test('guarded writes whose answer is lost are done, once', async () => {
  const a = await openThroughRelay()
  relay.loseAnswers()
  const written = await a.writeConfig({ ttl: 30 }, null, BUDGET_MS)
  expect(written).toMatchObject({ kind: 'done' })
  expect(logged.join()).toMatch(/no answer within|Deadline exceeded/)
  const key = await etcd.ctl(['get', `/service/${scope}/config`, '-w', 'json'])
  // By the key, which says how often it was written: the revision of etcd moves with other clusters and ending leases.
  const revision = written.kind === 'done' ? written.revision : 0
  expect(JSON.parse(key).kvs).toMatchObject([{ version: 1, mod_revision: revision }])
})

/**
 * A write that etcd carries out, whose answer is lost, and which somebody replaces by `{}` before the next try arrives; null:
 * the machine stood still, so that it did not come about.
 */
async function replacedMeanwhile(
  key: 'config' | 'failover',
): Promise<{ outcome: object; text: string } | null> {
  const late = await Relay.start(etcd.member(1).endpoint)
  onTestFinished(() => late.stop())
  const a = await openThroughRelay(late.endpoint)
  const path = `/service/${scope}/${key}`
  const standing = async () => (await etcd.ctl(['get', '--print-value-only', path])).trim()
  let isApplied = false
  const replaced = late.holdRequests(async () => {
    const applied = until('the write applied', 5000, async () => (await standing()) !== '')
    isApplied = await applied.then(
      () => true,
      () => false,
    )
    if (isApplied) await etcd.ctl(['put', path, '{}'])
  })
  // Where any request may be replaced, the key is read first.
  if (key === 'failover') void relay.holdAfterNextAnswer(async () => relay.loseAnswers())
  else relay.loseAnswers()
  const request = { leader: 'a', candidate: 'b', scheduledAt: null }
  const outcome =
    key === 'config'
      ? await a.writeConfig({ ttl: 30 }, null, LIMIT_MS)
      : await a.writeFailover(request, undefined, LIMIT_MS)
  await replaced
  return isApplied ? { outcome, text: await standing() } : null
}

test.each(['config', 'failover'] as const)(
  'a write of %s whose answer is lost, and that somebody replaced since, is neither told as refused nor done again',
  async key => {
    let ended = await replacedMeanwhile(key)
    for (let tries = 0; tries < 4 && ended === null; tries++) {
      await relay.stop()
      relay = await Relay.start(etcd.member(0).endpoint)
      scope = `scope${++scopes}`
      ended = await replacedMeanwhile(key)
    }
    const why = expect.stringContaining('was lost')
    expect(ended).toEqual({ outcome: { kind: 'unreachable', why, mayBeWritten: true }, text: '{}' })
  },
  120_000,
)

test('release whose answer is lost is done', async () => {
  const a = await openThroughRelay()
  await lead(a, BUDGET_MS)
  relay.loseAnswers()
  expect(await a.releaseLeader({ optime: 5n, slots: null, retainSlots: null }, BUDGET_MS)).toMatchObject({
    kind: 'done',
  })
  const read = await a.read(BUDGET_MS)
  expect(read.known && [read.value.leader, read.value.status?.value.optime]).toEqual([null, 5n])
})

test('the only endpoint loses answers: the write is unreachable, never refused, and may have been applied', async () => {
  const [a, b] = [open('a', [relay.endpoint]), open('b', [etcd.member(1).endpoint])]
  await a.read(BUDGET_MS)
  relay.loseAnswers()
  // Long enough for several tries: etcd drops a request that was given up before it was read.
  expect(await a.writeConfig({ ttl: 30 }, null, 3000)).toMatchObject({ kind: 'unreachable' })
  await until('the write applied', LIMIT_MS, async () => {
    const read = await b.read(BUDGET_MS)
    return read.known && read.value.config !== null
  })
  expect(await b.writeConfig({ ttl: 40 }, null, BUDGET_MS)).toMatchObject({ kind: 'refused' })
})

test('a keep-alive that a raft leader answered before it was replaced proves nothing: it is repeated', async () => {
  const a = open('a', [relay.endpoint])
  expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
  let movedMs = 0
  const moved = relay.holdAfterNextAnswer(async () => {
    await etcd.moveLeader()
    movedMs = clock.bootMs()
  })
  const outcome = await a.renewLeader(null, LIMIT_MS)
  await moved
  expect(outcome).toMatchObject({ kind: 'done' })
  expect(logged.join()).toMatch(/etcd went from raft term \d+ to \d+/)
  expect(outcome.kind === 'done' && outcome.validUntilMs).toBeGreaterThan(movedMs + 59_900)
})

test('a watch over a connection that has gone silent is left', async () => {
  const a = open('a', relayFirst(), 5000)
  await until('view', LIMIT_MS, () => a.view().known)
  relay.loseAnswers()
  await until('view unknown', LIMIT_MS, () => !a.view().known)
  await until('view', LIMIT_MS, () => a.view().known)
})

test('with a ttl of 30 s too it is left sooner than the lease of a leader that died with it can end', async () => {
  const a = open('a', relayFirst(), 30_000)
  await until('view', LIMIT_MS, () => a.view().known)
  relay.loseAnswers()
  const startedMs = clock.bootMs()
  await until('view unknown', LIMIT_MS, () => !a.view().known)
  // Renewed every loop_wait, 10 s: at the earliest it ends 20 s after its last renewal.
  expect(clock.bootMs() - startedMs).toBeLessThan(18_000)
  await until('view', LIMIT_MS, () => a.view().known)
})

test('connections that break again and again: every change is told, in a view that is right', async () => {
  const [a, b] = [open('a', [etcd.member(1).endpoint]), open('b', [relay.endpoint])]
  const candidate = () => {
    const view = b.view()
    return view.known ? view.value.failover?.value.candidate : undefined
  }
  const told = new Set<string | null | undefined>()
  b.onChange(keys => {
    if (keys.includes('failover')) told.add(candidate())
  })
  await until('view', LIMIT_MS, () => b.view().known)
  for (let round = 0; round < 10; round++) {
    relay.cut()
    await a.writeFailover({ leader: 'a', candidate: `n${round}`, scheduledAt: null }, undefined, BUDGET_MS)
    await until(`request ${round} told`, LIMIT_MS, () => told.has(`n${round}`))
  }
  await until('the last request stands', LIMIT_MS, () => candidate() === 'n9')
})

test('etcd wiped and made anew under the same addresses: view and lease begin anew', async () => {
  const small = await startEtcd({ members: 1 })
  const fresh = await startEtcd({ members: 1 })
  try {
    // Comes when the other is gone: until then nothing that is late there leads here.
    await fresh.member(0).freeze()
    const [one, other] = [small.member(0).endpoint, fresh.member(0).endpoint]
    const a = open('a', [one, other])
    for (let round = 0; round < 20; round++) await small.ctl(['put', 'x', String(round)])
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
    await until('view', LIMIT_MS, () => a.view().known)
    await small.member(0).kill()
    fresh.member(0).thaw()
    await until('empty view', LIMIT_MS, () => {
      const view = a.view()
      return view.known && view.value.leader === null
    })
    expect(logged.join()).toContain('etcd was replaced')
    expect(await a.renewLeader(null, BUDGET_MS)).toMatchObject({ kind: 'refused', holder: null })
    expect(await lead(a, BUDGET_MS)).toMatchObject({ kind: 'done' })
    await until('leader seen', LIMIT_MS, () => {
      const view = a.view()
      return view.known && view.value.leader?.name === 'a'
    })
    await Promise.all(opened.splice(0).map(store => store.close()))
  } finally {
    await small.stop()
    await fresh.stop()
  }
})
