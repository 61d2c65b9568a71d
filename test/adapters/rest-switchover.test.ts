// Switchover and failover through the API to their end, against a real etcd (spec/interfaces.md 1.9). Other members are
// real servers of the same program.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import type { Store } from '../../src/ports/store.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { clock } from '../rest/node.ts'
import { BUDGET_MS, send, startPairIn, stored } from '../rest/pair.ts'
import { bestOfThree } from './best-of-three.ts'
import { lead, until } from './etcd/etcd-harness.ts'

let etcd: TestEtcd
beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(() => etcd.stop())

let clusters = 0
const newScope = () => `c${++clusters}`
const startPair = (config?: JsonObject) => startPairIn(etcd, newScope(), config)

describe('switchover and failover, carried out', () => {
  /** Less than the two seconds after which it would look by itself. */
  const TOLD_MS = 1500

  /** Waits for the request as the agents would see it, then hands the leadership over. */
  async function handOver(from: Store, to: Store): Promise<void> {
    while ((await stored(from)).failover === null) await clock.sleep(20)
    await from.releaseLeader(null, BUDGET_MS)
    await lead(to, BUDGET_MS)
    const failover = (await stored(to)).failover
    await to.writeFailover(null, failover?.modRevision, BUDGET_MS)
  }

  it('asked at the old leader, answered as soon as the new one holds the key', async () => {
    const tookMs = await bestOfThree(TOLD_MS, async () => {
      const pair = await startPair()
      const began = clock.bootMs()
      const [answer] = await Promise.all([
        send(pair.pg0, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' }),
        handOver(pair.stores.pg0, pair.stores.pg1),
      ])
      const ms = clock.bootMs() - began
      expect(answer).toEqual([200, 'Successfully switched over to "pg1"'])
      expect(pair.pg0.node.wakes).toEqual(['rest: switchover requested'])
      await pair.stop()
      return ms
    })
    expect(tookMs).toBeLessThan(TOLD_MS)
  })

  it('asked at the candidate, whose own writes the watch does not tell', async () => {
    const tookMs = await bestOfThree(TOLD_MS, async () => {
      const pair = await startPair()
      const began = clock.bootMs()
      const [answer] = await Promise.all([
        send(pair.pg1, 'POST', '/failover', { candidate: 'pg1' }),
        handOver(pair.stores.pg0, pair.stores.pg1),
      ])
      const ms = clock.bootMs() - began
      expect(answer).toEqual([200, 'Successfully failed over to "pg1"'])
      await pair.stop()
      return ms
    })
    expect(tookMs).toBeLessThan(TOLD_MS)
  })

  it('paused, for a named candidate: asked for, and answered as soon as the new leader holds the key', async () => {
    const pair = await startPair({ pause: true })
    const [answer] = await Promise.all([
      send(pair.pg0, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' }),
      handOver(pair.stores.pg0, pair.stores.pg1),
    ])
    expect(answer).toEqual([200, 'Successfully switched over to "pg1"'])
    await pair.stop()
  })

  it('another node became leader', async () => {
    const pair = await startPair()
    const third = etcd.store(`c${clusters}`, 'pg2')
    const [answer] = await Promise.all([
      send(pair.pg0, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' }),
      handOver(pair.stores.pg0, third),
    ])
    expect(answer).toEqual([200, 'Switched over to "pg2" instead of "pg1"'])
    await pair.stop()
  })

  it('the request was withdrawn and the leader stayed', async () => {
    const pair = await startPair()
    const withdraw = async () => {
      let failover = (await stored(pair.stores.pg0)).failover
      for (; failover === null; failover = (await stored(pair.stores.pg0)).failover) await clock.sleep(20)
      await pair.stores.pg0.writeFailover(null, failover.modRevision, BUDGET_MS)
    }
    const [answer] = await Promise.all([send(pair.pg1, 'POST', '/switchover', { leader: 'pg0' }), withdraw()])
    expect(answer).toEqual([503, 'Switchover failed'])
    await pair.stop()
  })

  it('the node that was asked withdrew it: its reason goes with the answer', async () => {
    const pair = await startPair()
    const withdraw = async () => {
      let failover = (await stored(pair.stores.pg0)).failover
      for (; failover === null; failover = (await stored(pair.stores.pg0)).failover) await clock.sleep(20)
      pair.pg0.node.refusal = 'no candidate confirmed 0/3000060 in 5.0 s; going on as primary'
      await pair.stores.pg0.writeFailover(null, failover.modRevision, BUDGET_MS)
    }
    const [answer] = await Promise.all([send(pair.pg0, 'POST', '/switchover', { leader: 'pg0' }), withdraw()])
    expect(answer).toEqual([
      503,
      'Switchover failed: no candidate confirmed 0/3000060 in 5.0 s; going on as primary',
    ])
    await pair.stop()
  })

  it('nobody began it: the time is over, and it does not come about later', async () => {
    const pair = await startPair({ loop_wait: 1 })
    const answer = await send(pair.pg1, 'POST', '/switchover', { leader: 'pg0' })
    expect(answer).toEqual([
      503,
      'Switchover failed: nobody began it within 20 seconds, and it was withdrawn',
    ])
    expect((await stored(pair.stores.pg0)).failover).toBeNull()
    await pair.stop()
  })

  it('begun, and not over when the time is', async () => {
    const pair = await startPair({ loop_wait: 1 })
    const begin = async () => {
      let failover = (await stored(pair.stores.pg0)).failover
      for (; failover === null; failover = (await stored(pair.stores.pg0)).failover) await clock.sleep(20)
      const note = { id: null, by: null, atMs: null, untilMs: null, ...failover.value.note, begunBy: 'pg0' }
      await pair.stores.pg0.writeFailover({ ...failover.value, note }, failover.modRevision, BUDGET_MS)
    }
    const [answer] = await Promise.all([send(pair.pg1, 'POST', '/switchover', { leader: 'pg0' }), begin()])
    expect(answer).toEqual([
      503,
      'Switchover status unknown after 20 seconds; operation may still be in progress',
    ])
    expect((await stored(pair.stores.pg0)).failover?.value.note?.begunBy).toBe('pg0')
    await pair.stop()
  })

  it('scheduled, shown, deleted once', async () => {
    const pair = await startPair()
    const request = { leader: 'pg0', candidate: 'pg1', scheduled_at: '2030-01-01 10:00:00.5 +0200' }
    expect(await send(pair.pg1, 'POST', '/switchover', request)).toEqual([202, 'Switchover scheduled'])
    const document = JSON.parse((await send(pair.pg0, 'GET', '/cluster'))[1])
    expect(document.scheduled_switchover).toEqual({
      at: '2030-01-01T10:00:00.500000+02:00',
      from: 'pg0',
      to: 'pg1',
    })
    expect(await send(pair.pg0, 'DELETE', '/switchover')).toEqual([200, 'scheduled switchover deleted'])
    expect(await send(pair.pg0, 'DELETE', '/switchover')).toEqual([404, 'no switchover is scheduled'])
    await pair.stop()
  })
})

// Last: it stops the etcd of all.
describe('etcd away', () => {
  it('says so within the budget and goes on afterwards', async () => {
    const pair = await startPair()
    await etcd.freeze()
    const began = clock.bootMs()
    const answers = await Promise.all([
      send(pair.pg0, 'PATCH', '/config', { ttl: 31 }),
      send(pair.pg0, 'GET', '/cluster'),
      send(pair.pg0, 'POST', '/switchover', { leader: 'pg0' }),
      send(pair.pg0, 'GET', '/primary'),
    ])
    expect(answers.map(([status]) => status)).toEqual([503, 503, 503, 200])
    expect(clock.bootMs() - began).toBeLessThan(15_000)
    etcd.thaw()
    // What was asked meanwhile is answered first: a read may yet be too late.
    await until(
      'etcd is read again',
      20_000,
      async () => (await send(pair.pg0, 'GET', '/cluster'))[0] === 200,
    )
    await pair.stop()
  })
})
