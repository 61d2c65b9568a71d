// Switchover and failover when an answer is late: what is done for a client that has gone, and what the operator is told.

import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { carryOutHandover } from '../../src/admin/handover.ts'
import { type HandoverPlan, type HandoverWish, surveyOf } from '../../src/admin/handover-plan.ts'
import { deadlineIn, type Operator } from '../../src/admin/operator.ts'
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
  expect(answer).toEqual([503, 'Switchover status unknown; it may have been asked for: deadline exceeded'])
  expect(view.failover?.value).toMatchObject({ leader: 'pg0', candidate: 'pg1' })
})

const scheduledAt = { text: '2030-01-01T10:00:00Z', wallMs: Date.parse('2030-01-01T10:00:00Z') }

/** What the operator is told of a scheduled switchover that `member` deals with; `before`: one to anybody stands already. */
async function schedule(cluster: string, member: (store: Store) => Promise<MemberReply>, before = false) {
  const pair = await startPairIn(etcd, cluster)
  const earlier = { leader: 'pg0', candidate: null, scheduledAt }
  if (before) await pair.stores.pg0.writeFailover(earlier, undefined, BUDGET_MS)
  const wish: HandoverWish = {
    action: 'switchover',
    cluster,
    leader: 'pg0',
    candidate: 'pg1',
    scheduledAt,
    acceptDataLoss: false,
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
    defaultCluster: null,
    store: {
      read: (_scope, budgetMs) => pair.stores.pg1.read(budgetMs),
      scopes: notAsked,
      writeConfig: notAsked,
      writeFailover: (_scope, ...request) => pair.stores.pg1.writeFailover(...request),
      close: async () => {},
    },
    members: { call: () => member(pair.stores.pg0) },
  }
  const told = await carryOutHandover(operator, wish, plan, {
    wait: true,
    deadline: deadlineIn(clock, 10_000),
  })
  await pair.stop()
  return told
}

test('a scheduled switchover that is seen in etcd before the member answers is told as scheduled', async () => {
  // It writes the request, and its answer is lost.
  const told = await schedule('scheduled', async store => {
    await store.writeFailover({ leader: 'pg0', candidate: 'pg1', scheduledAt }, undefined, BUDGET_MS)
    return new Promise<MemberReply>(() => {})
  })
  expect(told).toMatchObject({ ok: true, value: { outcome: 'scheduled' } })
})

test('a scheduled switchover that a member wrote before it fell silent is not told as somebody else’s', async () => {
  const silent = async (store: Store): Promise<MemberReply> => {
    await store.writeFailover({ leader: 'pg0', candidate: 'pg1', scheduledAt }, undefined, BUDGET_MS)
    return { kind: 'unreachable', why: 'connection reset' }
  }
  const told = await schedule('silent', silent, true)
  expect(told).toMatchObject({ ok: true, value: { outcome: 'scheduled' } })
})

test('a scheduled switchover of which the member does not know whether it stands: said so, and no other member is asked', async () => {
  let asked = 0
  const told = await schedule('maybe-scheduled', async () => {
    asked++
    return { kind: 'answered', status: 503, body: 'Switchover status unknown; deadline exceeded' }
  })
  expect(told).toMatchObject({
    ok: false,
    failure: {
      kind: 'etcd-unreachable',
      why: 'Switchover status unknown; deadline exceeded',
      mayBeDone: { what: 'the switchover may have been asked for all the same' },
    },
  })
  expect(asked).toBe(1)
})
