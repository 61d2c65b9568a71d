// PATCH and PUT /config against a real etcd (spec/interfaces.md 1.7).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasSetting } from '../../src/config/dynamic.ts'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { startServer } from '../rest/node.ts'
import { BUDGET_MS, send, stored } from '../rest/pair.ts'

let etcd: TestEtcd
beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(() => etcd.stop())

let clusters = 0
const newScope = () => `config${++clusters}`

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

  it('a document without a known key, which would set everything back, replaces nothing unless forced', async () => {
    const store = etcd.store(newScope(), 'pg1')
    await store.writeConfig({ ttl: 20 }, null, BUDGET_MS)
    const running = await startServer({ store, hasSetting })
    for (const document of [{ tttl: 30 }, { constructor: 1 }, { hello: { ttl: 30 } }])
      expect(await send(running, 'PUT', '/config', document)).toEqual([
        422,
        'it holds no setting that hactl knows: everything would be set back to its default',
      ])
    expect(await send(running, 'GET', '/config')).toEqual([200, '{"ttl": 20}'])
    expect((await send(running, 'PUT', '/config', { postgresql: {}, tttl: 30 }))[0]).toBe(200)
    expect(await send(running, 'PUT', '/config?force=true', { tttl: 30 })).toEqual([200, '{"tttl": 30}'])
    expect((await send(running, 'PATCH', '/config', { x: 1 }))[0]).toBe(200)
    await running.server.stop()
  })
})
