// Switchover and failover when an answer is late: what is done for a client that has gone, and what the operator is told.

import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { carryOutHandover } from '../../src/admin/handover/handover.ts'
import type { CommandRequest } from '../../src/admin/handover/handover-request.ts'
import type { HandoverPlan } from '../../src/admin/handover/plan.ts'
import { surveyOf } from '../../src/admin/handover/survey.ts'
import { deadlineIn, type Operator } from '../../src/admin/use-case.ts'
import type { FailoverRequest } from '../../src/model/cluster/cluster.ts'
import type { MemberReply } from '../../src/ports/operator.ts'
import type { Store } from '../../src/ports/store.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { clock, startServer } from '../rest/node.ts'
import { BUDGET_MS, peers, send, startPairIn, stored } from '../rest/pair.ts'

let etcd: TestEtcd
beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(() => etcd.stop())

test('a failover that a client asked for who has gone since is not written when etcd answers at last', async () => {
  const pair = await startPairIn(etcd, 'gone')
  await etcd.freeze()
  const call = request(`${pair.pg0.base}/failover`, { method: 'POST' })
  call.on('error', () => undefined)
  call.end(JSON.stringify({ candidate: 'pg1' }))
  // The agent waits for etcd by then, for a second and more.
  await clock.sleep(500)
  call.destroy()
  await new Promise(resolve => call.once('close', resolve))
  await clock.sleep(300)
  etcd.thaw()
  // It would be written within milliseconds.
  await clock.sleep(1500)
  const view = await stored(pair.stores.pg1)
  await pair.stop()
  expect(view.failover).toBeNull()
})

/** Writes the request, and its answer is lost. */
function withoutAnswers(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'writeFailover') {
        return async (...request: Parameters<Store['writeFailover']>) => {
          await target.writeFailover(...request)
          return { kind: 'unreachable', why: 'deadline exceeded', mayBeWritten: true }
        }
      }
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('a request whose write got no answer is told as unknown: asked of another member, it would be written again', async () => {
  const pair = await startPairIn(etcd, 'unanswered')
  const other = await startServer({ store: withoutAnswers(pair.stores.pg1), self: 'pg1', peers })
  const answer = await send(other, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' })
  const view = await stored(pair.stores.pg0)
  await other.server.stop()
  await pair.stop()
  expect(answer).toEqual([
    503,
    expect.stringMatching(
      /^Switchover status unknown; it may have been asked for, until 2\S+Z: deadline exceeded$/,
    ),
  ])
  expect(view.failover?.value).toMatchObject({ leader: 'pg0', candidate: 'pg1' })
})

const scheduledAt = { text: '2030-01-01T10:00:00Z', wallMs: Date.parse('2030-01-01T10:00:00Z') }

interface Case {
  /** null: at once. */
  readonly at: typeof scheduledAt | null
  /** A request that stands already when the operator looks. */
  readonly before?: FailoverRequest
  readonly member: (store: Store) => Promise<MemberReply>
}

/** What the operator is told of a switchover from pg0 to pg1 that `member` deals with. */
async function switchover(cluster: string, { at, before, member }: Case) {
  const pair = await startPairIn(etcd, cluster)
  if (before !== undefined) await pair.stores.pg0.writeFailover(before, undefined, BUDGET_MS)
  const request: CommandRequest = {
    action: 'switchover',
    cluster,
    leader: 'pg0',
    candidate: 'pg1',
    scheduledAt: at,
    acceptDataLoss: false,
    replace: false,
  }
  const plan: HandoverPlan = {
    survey: surveyOf(await stored(pair.stores.pg0)),
    alreadySo: false,
    verdicts: [],
    winner: 'pg1',
    lostBytes: 0n,
    leaderPosition: null,
    failure: null,
  }
  const notAsked = () => Promise.reject(new Error('not asked'))
  const operator: Operator = {
    clock,
    peers,
    namespace: 'service',
    user: 'kim',
    person: 'kim@db1',
    newId: () => 'r1',
    defaultCluster: null,
    store: {
      read: (_scope, budgetMs) => pair.stores.pg1.read(budgetMs),
      glance: () => Promise.reject(new Error('not asked for')),
      glanceScopes: () => Promise.reject(new Error('not asked for')),
      scopes: notAsked,
      writeConfig: notAsked,
      writeFailover: (_scope, ...request) => pair.stores.pg1.writeFailover(...request),
      writeDrain: notAsked,
      removeAll: notAsked,
      close: async () => {},
    },
    members: { call: () => member(pair.stores.pg0) },
  }
  const told = await carryOutHandover(operator, request, plan, {
    wait: false,
    deadline: deadlineIn(clock, 10_000),
  })
  await pair.stop()
  return told
}

let failures = 0
const SCHEDULED: FailoverRequest = { leader: 'pg0', candidate: 'pg1', scheduledAt }
const UNKNOWN: MemberReply = {
  ...{ kind: 'answered', status: 503, code: 'unknown' },
  body: 'Switchover status unknown; no answer',
}
const ASKED_PERHAPS = {
  ok: false,
  failure: {
    kind: 'store-unreachable',
    why: 'Switchover status unknown; no answer',
    mayBeDone: { what: expect.stringMatching(/^the switchover may have been asked for all the same/) },
  },
}

test('a scheduled switchover that is seen in etcd before the member answers is told as scheduled', async () => {
  // It writes the request, and its answer is lost.
  const member = async (store: Store): Promise<MemberReply> => {
    await store.writeFailover(SCHEDULED, undefined, BUDGET_MS)
    return new Promise<MemberReply>(() => {})
  }
  const told = await switchover('scheduled', { at: scheduledAt, member })
  expect(told).toMatchObject({ ok: true, value: { outcome: 'scheduled' } })
})

test('a scheduled switchover that a member wrote before it fell silent is not told as somebody else’s', async () => {
  const member = async (store: Store): Promise<MemberReply> => {
    await store.writeFailover(SCHEDULED, undefined, BUDGET_MS)
    return { kind: 'unreachable', why: 'connection reset' }
  }
  const before = { ...SCHEDULED, candidate: null }
  const told = await switchover('silent', { at: scheduledAt, before, member })
  expect(told).toMatchObject({ ok: true, value: { outcome: 'scheduled' } })
})

test('somebody else’s scheduled switchover to the same candidate, at another time, is not told as ours', async () => {
  const theirs = { text: '2031-01-01T10:00:00Z', wallMs: Date.parse('2031-01-01T10:00:00Z') }
  const member = async (store: Store): Promise<MemberReply> => {
    await store.writeFailover({ ...SCHEDULED, scheduledAt: theirs }, undefined, BUDGET_MS)
    return { kind: 'unreachable', why: 'connection reset' }
  }
  const before = { ...SCHEDULED, candidate: null }
  const told = await switchover('theirs', { at: scheduledAt, before, member })
  expect(told).toMatchObject({ ok: false, failure: { ...ASKED_PERHAPS.failure, why: expect.any(String) } })
})

test.each([
  ['scheduled', scheduledAt],
  ['at once', null],
])(
  '%s: the member does not know whether the request stands: said so, and no other one is asked',
  async (name, at) => {
    let asked = 0
    const member = async (): Promise<MemberReply> => {
      asked++
      return UNKNOWN
    }
    const told = await switchover(`perhaps-${name.replace(' ', '-')}`, { at, member })
    expect(told).toMatchObject(ASKED_PERHAPS)
    expect(asked).toBe(1)
  },
)

test.each<[string, MemberReply, number]>([
  [
    'hactl, by its code',
    {
      ...{ kind: 'answered', status: 503, code: 'failed' },
      body: 'Switchover failed: refusing the switchover request: no healthy members found',
    },
    1,
  ],
  ['Patroni, by its text', { kind: 'answered', status: 503, code: null, body: 'Switchover failed' }, 1],
  [
    'it cannot write',
    { kind: 'answered', status: 503, code: null, body: 'failed to write failover key into DCS' },
    2,
  ],
])(
  '%s: a member that carried it to its end is believed, and only one that could not begin is passed over',
  async (_, reply, members) => {
    let asked = 0
    const member = async (): Promise<MemberReply> => {
      asked++
      return reply
    }
    const told = await switchover(`failed-${++failures}`, { at: null, member })
    expect(told).toMatchObject({ ok: false, failure: { kind: 'refused' } })
    expect(asked).toBe(members)
  },
)

test('the member does not know whether the request stands, and etcd shows it: it is told as asked for', async () => {
  const member = async (store: Store): Promise<MemberReply> => {
    await store.writeFailover({ ...SCHEDULED, scheduledAt: null }, undefined, BUDGET_MS)
    return UNKNOWN
  }
  const told = await switchover('shown', { at: null, member })
  expect(told).toMatchObject({ ok: true, value: { outcome: 'requested' } })
})
