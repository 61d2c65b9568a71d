// What the API writes, against a real etcd: PATCH and PUT /config, switchover and failover to their end
// (spec/interfaces.md 1.7, 1.9). Other members are real servers of the same program.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject, MemberRecord } from '../../src/model/cluster.ts'
import type { CtlConfig } from '../../src/model/config.ts'
import { createPeers } from '../../src/peers/peers.ts'
import type { Store } from '../../src/ports/store.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { clock, Lines, OPEN_CONFIG, type Running, startServer } from '../rest/node.ts'

const BUDGET_MS = 5000
const CTL: CtlConfig = {
  credentials: null,
  insecure: false,
  cacert: null,
  certfile: null,
  keyfile: null,
  keyfilePassword: null,
}
const peers = createPeers({ ctl: CTL, restapi: OPEN_CONFIG, clock, log: new Lines() })

let etcd: TestEtcd
beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(() => etcd.stop())

let clusters = 0
const newScope = () => `c${++clusters}`

function record(running: Running): MemberRecord {
  return {
    connUrl: 'postgres://127.0.0.1:5432/postgres',
    apiUrl: `${running.base}/patroni`,
    state: 'running',
    role: 'replica',
    version: '4.1.5',
    tags: {},
    extra: {},
  }
}

/** pg0 leads, pg1 follows; each with its own server and lease. */
async function startPair(config: JsonObject = { ttl: 30, loop_wait: 10 }) {
  const scope = newScope()
  const stores = { pg0: etcd.store(scope, 'pg0'), pg1: etcd.store(scope, 'pg1') }
  await stores.pg0.writeConfig(config, null, BUDGET_MS)
  const pg0 = await startServer({ store: stores.pg0, self: 'pg0', peers })
  const pg1 = await startServer({ store: stores.pg1, self: 'pg1', peers })
  pg0.node.primary()
  pg1.node.replica()
  await stores.pg0.publishMember(record(pg0), BUDGET_MS)
  await stores.pg1.publishMember(record(pg1), BUDGET_MS)
  expect((await stores.pg0.acquireLeader(BUDGET_MS)).kind).toBe('done')
  const stop = () => Promise.all([pg0.server.stop(), pg1.server.stop()])
  return { pg0, pg1, stores, stop }
}

async function send(
  running: Running,
  method: string,
  path: string,
  body?: unknown,
): Promise<readonly [number, string]> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
  const response = await fetch(running.base + path, init)
  return [response.status, await response.text()]
}

async function stored(store: Store) {
  const read = await store.read(BUDGET_MS)
  if (!read.known) throw new Error(read.why)
  return read.value
}

describe('the dynamic configuration', () => {
  it('is merged, replaced, shown; unchanged documents are not written', async () => {
    const store = etcd.store(newScope(), 'pg1')
    const running = await startServer({ store })
    expect((await send(running, 'GET', '/config'))[0]).toBe(502)
    expect((await send(running, 'PATCH', '/config', { ttl: 20 }))[0]).toBe(503)
    expect(await send(running, 'PUT', '/config', { ttl: 30, loop_wait: 10 })).toEqual([
      200,
      '{"ttl": 30, "loop_wait": 10}',
    ])
    expect(await send(running, 'GET', '/config')).toEqual([200, '{"ttl": 30, "loop_wait": 10}'])
    const patched = { loop_wait: null, slots: { a: null }, postgresql: { parameters: { work_mem: '8MB' } } }
    const merged = '{"ttl": 30, "slots": {"a": null}, "postgresql": {"parameters": {"work_mem": "8MB"}}}'
    expect(await send(running, 'PATCH', '/config', patched)).toEqual([200, merged])
    const before = (await stored(store)).config?.modRevision
    expect(await send(running, 'PATCH', '/config', { ttl: '30', gone: null })).toEqual([200, merged])
    expect((await send(running, 'PUT', '/config', JSON.parse(merged)))[0]).toBe(200)
    expect((await stored(store)).config?.modRevision).toBe(before)
    expect(running.node.wakes).toEqual([
      'rest: dynamic configuration replaced',
      'rest: dynamic configuration changed',
    ])
    await running.server.stop()
  })

  it('fifty patches at once: each is done or told of the conflict, none is lost', async () => {
    const store = etcd.store(newScope(), 'pg1')
    await store.writeConfig({ ttl: 30 }, null, BUDGET_MS)
    const running = await startServer({ store })
    const statuses = await Promise.all(
      Array.from(
        { length: 50 },
        async (_, index) => (await send(running, 'PATCH', '/config', { [`k${index}`]: 1 }))[0],
      ),
    )
    const config = (await stored(store)).config?.value
    const keys = config?.valid === true ? Object.keys(config.document) : []
    statuses.forEach((status, index) => {
      expect(keys.includes(`k${index}`)).toBe(status === 200)
      expect([200, 409]).toContain(status)
    })
    expect(statuses.filter(status => status === 200).length).toBeGreaterThan(0)
    await running.server.stop()
  })

  it('values that no node could use are refused with the reasons, unless forced; old faults do not block', async () => {
    const store = etcd.store(newScope(), 'pg1')
    await store.writeConfig({ old: 'bad' }, null, BUDGET_MS)
    const validateDynamic = (document: JsonObject) =>
      Object.entries(document).flatMap(([key, value]) => (value === 'bad' ? [`${key} is bad`] : []))
    const running = await startServer({ store, validateDynamic })
    expect(await send(running, 'PATCH', '/config', { ttl: 'bad', wait: 'bad' })).toEqual([
      422,
      'ttl is bad\nwait is bad',
    ])
    expect((await send(running, 'PATCH', '/config', { pause: true }))[0]).toBe(200)
    expect((await send(running, 'PATCH', '/config?force=true', { ttl: 'bad' }))[0]).toBe(200)
    const forced = await fetch(`${running.base}/config`, {
      method: 'PUT',
      body: '{"x": "bad"}',
      headers: { Force: 'on' },
    })
    expect(forced.status).toBe(200)
    expect((await send(running, 'PUT', '/config', { y: 'bad' }))[0]).toBe(422)
    await running.server.stop()
  })
})

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
    await store.acquireLeader(BUDGET_MS)
    expect(await send(running, 'POST', '/switchover', { leader: 'pg0' })).toEqual([
      412,
      'switchover is not possible: cluster does not have members except leader',
    ])
    await running.server.stop()
  })
})

describe('switchover and failover, carried out', () => {
  /** Waits for the request as the agents would see it, then hands the leadership over. */
  async function handOver(from: Store, to: Store): Promise<void> {
    while ((await stored(from)).failover === null) await clock.sleep(20)
    await from.releaseLeader(null, BUDGET_MS)
    await to.acquireLeader(BUDGET_MS)
    const failover = (await stored(to)).failover
    await to.writeFailover(null, failover?.modRevision, BUDGET_MS)
  }

  it('asked at the old leader, answered as soon as the new one holds the key', async () => {
    const pair = await startPair()
    const began = clock.bootMs()
    const [answer] = await Promise.all([
      send(pair.pg0, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' }),
      handOver(pair.stores.pg0, pair.stores.pg1),
    ])
    expect(answer).toEqual([200, 'Successfully switched over to "pg1"'])
    expect(clock.bootMs() - began).toBeLessThan(1500)
    expect(pair.pg0.node.wakes).toEqual(['rest: switchover requested'])
    await pair.stop()
  })

  it('asked at the candidate, whose own writes the watch does not tell', async () => {
    const pair = await startPair()
    const began = clock.bootMs()
    const [answer] = await Promise.all([
      send(pair.pg1, 'POST', '/failover', { candidate: 'pg1' }),
      handOver(pair.stores.pg0, pair.stores.pg1),
    ])
    expect(answer).toEqual([200, 'Successfully failed over to "pg1"'])
    expect(clock.bootMs() - began).toBeLessThan(1500)
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

  it('nothing happened: the time is over', async () => {
    const pair = await startPair({ loop_wait: 1 })
    const answer = await send(pair.pg1, 'POST', '/switchover', { leader: 'pg0' })
    expect(answer).toEqual([
      503,
      'Switchover status unknown after 20 seconds; operation may still be in progress',
    ])
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
    etcd.signal('SIGSTOP')
    const began = clock.bootMs()
    const answers = await Promise.all([
      send(pair.pg0, 'PATCH', '/config', { ttl: 31 }),
      send(pair.pg0, 'GET', '/cluster'),
      send(pair.pg0, 'POST', '/switchover', { leader: 'pg0' }),
      send(pair.pg0, 'GET', '/primary'),
    ])
    expect(answers.map(([status]) => status)).toEqual([503, 503, 503, 200])
    expect(clock.bootMs() - began).toBeLessThan(7000)
    etcd.signal('SIGCONT')
    expect((await send(pair.pg0, 'GET', '/cluster'))[0]).toBe(200)
    await pair.stop()
  })
})
