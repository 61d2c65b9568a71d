// Switchover and failover when an answer is late: what is done for a client that has gone, and what the operator is told.

import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { carryOutHandover } from '../../src/admin/handover.ts'
import { type HandoverPlan, type HandoverWish, surveyOf } from '../../src/admin/handover-plan.ts'
import { deadlineIn, type Operator } from '../../src/admin/operator.ts'
import type { MemberReply } from '../../src/ports/operator.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { clock } from '../rest/node.ts'
import { BUDGET_MS, peers, startPairIn, stored } from '../rest/pair.ts'

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

test('a scheduled switchover that is seen in etcd before the member answers is told as scheduled', async () => {
  const pair = await startPairIn(etcd, 'scheduled')
  const scheduledAt = { text: '2030-01-01T10:00:00Z', wallMs: Date.parse('2030-01-01T10:00:00Z') }
  const wish: HandoverWish = {
    action: 'switchover',
    cluster: 'scheduled',
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
      writeFailover: notAsked,
      close: async () => {},
    },
    members: {
      // It writes the request, and its answer is lost.
      async call() {
        await pair.stores.pg0.writeFailover(
          { leader: 'pg0', candidate: 'pg1', scheduledAt },
          undefined,
          BUDGET_MS,
        )
        return new Promise<MemberReply>(() => {})
      },
    },
  }
  const told = await carryOutHandover(operator, wish, plan, {
    wait: true,
    deadline: deadlineIn(clock, 10_000),
  })
  await pair.stop()
  expect(told).toMatchObject({ ok: true, value: { outcome: 'scheduled' } })
})
