// One watch stream by itself: why and when it ends. One member, no store around it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { failureText } from '../../../src/dcs/etcd/call-errors.ts'
import { Endpoints } from '../../../src/dcs/etcd/etcd-endpoints.ts'
import { keySpace } from '../../../src/dcs/etcd/key-space.ts'
import { Terms } from '../../../src/dcs/etcd/terms.ts'
import { followWatch, type StreamEnd } from '../../../src/dcs/etcd/watch-stream.ts'
import type { EtcdConfig } from '../../../src/model/settings/config.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { clock, type EtcdCluster, LIMIT_MS, startEtcd, until } from './etcd-harness.ts'
import { Relay } from './relay.ts'

let etcd: EtcdCluster
/** To look with; each stream has a connection of its own. */
let endpoints: Endpoints
const INTERVAL_MS = 1000
const begun: { readonly abort: AbortController; readonly connection: Endpoints }[] = []
const keys = keySpace('service', 'watched')

beforeAll(async () => {
  etcd = await startEtcd({ members: 1 })
  for (let i = 0; i < 5; i++) await etcd.ctl(['put', '/service/watched/config', String(i)])
  endpoints = connect()
})
afterAll(async () => {
  for (const { abort } of begun) abort.abort()
  await Promise.all([endpoints, ...begun.map(({ connection }) => connection)].map(used => used.close()))
  await etcd.stop()
})

function connect(config = etcd.config): Endpoints {
  return new Endpoints(config, clock, () => undefined)
}

interface Followed {
  readonly end: Promise<StreamEnd>
  readonly abort: AbortController
  readonly terms: Terms
  readonly alive: (number | null)[]
  readonly events: string[]
}

async function revision(): Promise<number> {
  const { header } = await (await endpoints.client(0)).kv.range({ key: Buffer.from('x') })
  return Number(header.revision)
}

interface Choice {
  readonly config?: EtcdConfig
  readonly clock?: Clock
  readonly intervalMs?: () => number
}

async function follow(fromRevision: number, choice: Choice = {}): Promise<Followed> {
  const abort = new AbortController()
  const connection = connect(choice.config)
  begun.push({ abort, connection })
  const terms = new Terms(clock, () => undefined)
  const alive: (number | null)[] = []
  const events: string[] = []
  const end = followWatch({
    ...{
      client: await connection.client(0),
      explain: failureText,
      token: null,
      keys,
      fromRevision,
      clock: choice.clock ?? clock,
      terms,
      abort: abort.signal,
    },
    intervalMs: choice.intervalMs ?? (() => INTERVAL_MS),
    onAlive: askedMs => alive.push(askedMs),
    onEvents: batch => events.push(...batch.map(({ kv }) => kv.value.toString())),
  })
  return { end, abort, terms, alive, events }
}

// At the same time, as each takes some intervals.
test.concurrent('every change from the given revision is told, in order; progress proves that the stream lives', async () => {
  const { end, abort, alive, events } = await follow(3)
  await until('events', LIMIT_MS, () => events.length === 4)
  expect(events).toEqual(['1', '2', '3', '4'])
  await until('three answers to progress requests', LIMIT_MS, () => alive.length >= 4)
  expect(alive[0]).toBeNull()
  expect(alive.slice(1).every(askedMs => askedMs !== null)).toBe(true)
  abort.abort()
  expect(await end).toMatchObject({ why: 'the store is closed' })
})

test.concurrent('an idle etcd answers progress requests of a watch that begins at its present revision', async () => {
  const { alive } = await follow(await revision())
  await until('three answers to progress requests', LIMIT_MS, () => alive.length >= 4)
})

test.concurrent('others have shown a higher revision: the stream of a member that lags is ended', async () => {
  const { end, terms, alive } = await follow(await revision())
  await until('alive', LIMIT_MS, () => alive.length > 0)
  terms.reached({ cluster_id: '1', raft_term: '1', revision: '1000000' })
  expect(await end).toMatchObject({
    treatment: 'other-endpoint',
    why: expect.stringMatching(/etcd is at 1000000/),
  })
})

test.concurrent('a stream from a higher raft term than its member shows is ended', async () => {
  const first = await follow(await revision())
  await until('alive', LIMIT_MS, () => first.alive.length > 0)
  const client = await endpoints.client(0)
  const { header } = await client.kv.range({ key: Buffer.from('x') })
  first.terms.take({ ...header, raft_term: '999' })
  expect(await first.end).toMatchObject({ treatment: 'other-endpoint', why: expect.stringContaining('999') })
})

test('an agent that was paused asks its member before it calls it silent', async () => {
  let aheadMs = 0
  const { alive } = await follow(await revision(), {
    clock: { ...clock, bootMs: () => clock.bootMs() + aheadMs },
  })
  await until('an answer', LIMIT_MS, () => alive.length > 1)
  aheadMs = 60_000
  const before = alive.length
  await until('the next answers', LIMIT_MS, () => alive.length > before + 1)
})

test('an agent that was paused with a question open waits a while longer for the answer', async () => {
  const relay = await Relay.start(etcd.member(0).endpoint)
  let aheadMs = 0
  // Asked for once in each tick that does not end the stream.
  let ticks = 0
  const { alive } = await follow(await revision(), {
    config: { ...etcd.config, endpoints: [relay.endpoint] },
    clock: { ...clock, bootMs: () => clock.bootMs() + aheadMs },
    intervalMs: () => {
      ticks += 1
      // The tick after the pause is the last one before the answer may come.
      return aheadMs === 0 ? INTERVAL_MS : LIMIT_MS
    },
  })
  await until('an answer', LIMIT_MS, () => alive.length > 1)
  await relay.holdAfterNextAnswer(async () => {
    const answered = ticks
    await until('a question', LIMIT_MS, () => ticks > answered)
    aheadMs = 60_000
    const asked = ticks
    await until('the tick after the pause', LIMIT_MS, () => ticks > asked)
  })
  const before = alive.length
  await until('the answer', LIMIT_MS, () => alive.length > before)
  await relay.stop()
})

test('a frozen member is silent: the stream is ended after two intervals', async () => {
  const { end, alive } = await follow(await revision())
  await until('alive', LIMIT_MS, () => alive.length > 0)
  try {
    await etcd.member(0).freeze()
    const frozenMs = clock.bootMs()
    expect(await end).toMatchObject({ treatment: 'other-endpoint', why: expect.stringContaining('silent') })
    expect(clock.bootMs() - frozenMs).toBeLessThan(10_000)
  } finally {
    etcd.thawAll()
  }
})

test('a revision that was compacted ends the stream, as such', async () => {
  await etcd.ctl(['compact', String(await revision())])
  const { end, events } = await follow(2)
  expect(await end).toMatchObject({ treatment: 'compacted' })
  expect(events).toEqual([])
})
