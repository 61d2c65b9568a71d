// Switchover and failover through the API to their end, against a real etcd (spec/interfaces.md 1.9). Other members are
// real servers of the same program.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import type { Store } from '../../src/ports/store.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { clock, startServer } from '../rest/node.ts'
import { BUDGET_MS, peers, record, send, startPairIn, stored } from '../rest/pair.ts'
import { bestOfThree } from './best-of-three.ts'
import { lead, until } from './etcd-harness.ts'

let etcd: TestEtcd
beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(() => etcd.stop())

let clusters = 0
const newScope = () => `c${++clusters}`
const startPair = (config?: JsonObject) => startPairIn(etcd, newScope(), config)

describe('switchover and failover, refused', () => {
  it.each([
    ['/failover', { leader: 'pg0' }, 400, 'Failover could be performed only to a specific candidate'],
    ['/switchover', { candidate: 'pg1' }, 400, 'Switchover could be performed only from a specific leader'],
    ['/failover', { candidate: 'pg1', scheduled_at: 'x' }, 400, "Failover can't be scheduled"],
    [
      '/switchover',
      { leader: 'pg0', scheduled_at: '2030-01-01T10:00:00' },
      400,
      'Timezone information is mandatory for the scheduled switchover',
    ],
    [
      '/switchover',
      { leader: 'pg0', scheduled_at: '2001-01-01T10:00Z' },
      422,
      'Cannot schedule switchover in the past',
    ],
    [
      '/switchover',
      { leader: 'pg0', scheduled_at: 'soon' },
      422,
      'Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601',
    ],
    ['/switchover', { leader: 'pg0', member: 'pg0' }, 400, 'Switchover target and source are the same'],
    ['/switchover', { leader: 'pg9' }, 412, 'leader name does not match'],
    ['/failover', { leader: 'pg9', candidate: 'pg1' }, 412, 'leader name does not match'],
    ['/switchover', { leader: 'pg0', candidate: 'pg7' }, 412, 'candidate does not exists'],
  ])('%s %j', async (path, body, status, text) => {
    const pair = await startPair()
    expect(await send(pair.pg1, 'POST', path, body)).toEqual([status, text])
    expect((await stored(pair.stores.pg0)).failover).toBeNull()
    await pair.stop()
  })

  it.each([
    [
      '/switchover',
      { leader: 'pg0', candidate: 'pg1', site: 'dc1' },
      'unknown key "site": nothing was requested',
    ],
    ['/failover', { candidate: ['pg1'] }, 'candidate is not the name of a member: nothing was requested'],
    ['/switchover', { leader: 7 }, 'leader is not the name of a member: nothing was requested'],
    ['/switchover', { leader: 'pg0', hactl: { id: 'x' } }, 'hactl is not understood: nothing was requested'],
  ])('%s %j: honoured whole or not at all', async (path, body, text) => {
    const pair = await startPair()
    expect(await send(pair.pg1, 'POST', path, body)).toEqual([400, text])
    expect((await stored(pair.stores.pg0)).failover).toBeNull()
    await pair.stop()
  })

  it('beside another request, which stays', async () => {
    const pair = await startPair()
    const first = { leader: 'pg0', candidate: 'pg1', scheduled_at: '2030-01-01T10:00Z' }
    expect(await send(pair.pg1, 'POST', '/switchover', first)).toEqual([202, 'Switchover scheduled'])
    const before = await stored(pair.stores.pg0)
    for (const second of [
      { leader: 'pg0', candidate: 'pg1' },
      { ...first, scheduled_at: '2031-01-01T10:00Z' },
    ]) {
      const [status, text] = await send(pair.pg0, 'POST', '/switchover', second)
      expect([status, text]).toEqual([
        409,
        expect.stringMatching(
          /^another request is scheduled: switchover from pg0 to pg1 at 2030-01-01T10:00:00\+00:00, requested by a client at \S+ through pg1 at 2\S+Z; delete it first/,
        ),
      ])
    }
    expect((await stored(pair.stores.pg0)).failover).toEqual(before.failover)
    await pair.stop()
  })

  it('paused', async () => {
    const pair = await startPair({ pause: true })
    const scheduled = { leader: 'pg0', candidate: 'pg1', scheduled_at: '2030-01-01T10:00Z' }
    expect(await send(pair.pg1, 'POST', '/switchover', scheduled)).toEqual([
      400,
      "Can't schedule switchover in the paused state",
    ])
    expect(await send(pair.pg1, 'POST', '/switchover', { leader: 'pg0' })).toEqual([
      400,
      'Switchover is possible only to a specific candidate in a paused state',
    ])
    await pair.stop()
  })

  it('synchronous mode without the candidate in /sync', async () => {
    const pair = await startPair({ synchronous_mode: true })
    expect(await send(pair.pg1, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' })).toEqual([
      412,
      'candidate name does not match with sync_standby',
    ])
    expect(await send(pair.pg1, 'POST', '/switchover', { leader: 'pg0' })).toEqual([
      412,
      'switchover is not possible: can not find sync_standby',
    ])
    await pair.stop()
  })

  it('nobody healthy: nofailover, watchdog, no answer from PostgreSQL, gone', async () => {
    const pair = await startPair()
    const none = [412, 'switchover is not possible: no good candidates have been found']
    const ask = () => send(pair.pg0, 'POST', '/switchover', { leader: 'pg0' })
    pair.pg1.node.set({ tags: { nofailover: true } })
    expect(await ask()).toEqual(none)
    pair.pg1.node.set({ tags: {}, watchdogFailed: true })
    expect(await ask()).toEqual(none)
    pair.pg1.node.set({ watchdogFailed: false, state: 'stopped' })
    expect(await ask()).toEqual(none)
    await pair.pg1.server.stop()
    expect(await ask()).toEqual(none)
    await pair.stop()
  })

  it('alone', async () => {
    const store = etcd.store(newScope(), 'pg0')
    const running = await startServer({ store, self: 'pg0', peers })
    await store.publishMember(record(running), BUDGET_MS)
    await lead(store, BUDGET_MS)
    expect(await send(running, 'POST', '/switchover', { leader: 'pg0' })).toEqual([
      412,
      'switchover is not possible: cluster does not have members except leader',
    ])
    await running.server.stop()
  })
})

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
    const wish = { leader: 'pg0', candidate: 'pg1', scheduled_at: '2030-01-01 10:00:00.5 +0200' }
    expect(await send(pair.pg1, 'POST', '/switchover', wish)).toEqual([202, 'Switchover scheduled'])
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
