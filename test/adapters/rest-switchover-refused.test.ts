// Switchover and failover that the API refuses, against a real etcd, each with Patroni's text and status (spec/interfaces.md 1.9).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/model/cluster/cluster.ts'
import { unseen } from '../../src/model/seen.ts'
import { OUTCOME_HEADER } from '../../src/wire/outcome-code.ts'
import { startEtcd, type TestEtcd } from '../rest/etcd.ts'
import { startServer } from '../rest/node.ts'
import { BUDGET_MS, peers, record, STREAMS, send, startPairIn, stored } from '../rest/pair.ts'
import { lead } from './etcd/etcd-harness.ts'

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

  it('nobody who could take over: too far behind, on an older timeline, not streaming from the leader', async () => {
    const pair = await startPair({ maximum_lag_on_failover: 1000 })
    const none = [412, 'switchover is not possible: no good candidates have been found']
    const ask = () => send(pair.pg1, 'POST', '/switchover', { leader: 'pg0', candidate: 'pg1' })
    const said = () => pair.pg1.log.all.findLast(line => line.includes('refusing')) ?? ''
    pair.pg1.node.onFresh = undefined
    pair.pg1.node.replica({ position: 67380000n, receiveLsn: 67380000n, replayLsn: 67380000n })
    expect(await ask()).toEqual(none)
    expect(said()).toContain('pg1: 1760 bytes behind the leader, more than maximum_lag_on_failover 1000')
    pair.pg1.node.replica({ timeline: 1 })
    pair.pg0.node.primary({ timeline: 2, replication: [STREAMS] })
    expect(await ask()).toEqual(none)
    expect(said()).toContain("pg1: on timeline 1, behind the cluster's timeline 2")
    pair.pg0.node.primary({ replication: [] })
    expect(await ask()).toEqual(none)
    expect(said()).toContain('but it does not stream from pg0')
    pair.pg0.node.set({ server: unseen('timeout') })
    expect(await ask()).toEqual([412, 'switchover is not possible: PostgreSQL of the leader does not answer'])
    expect((await stored(pair.stores.pg0)).failover).toBeNull()
    await pair.stop()
  })

  it.each([
    ['/switchover', { leader: 'pg9' }, 'leader-mismatch'],
    ['/switchover', { leader: 'pg0', candidate: 'pg7' }, 'candidate-unknown'],
    ['/switchover', { leader: 'pg0', candidate: 'pg1' }, 'candidate-unfit'],
    ['/switchover', { leader: 'pg0' }, 'no-candidate'],
    ['/failover', { leader: 'pg0' }, 'candidate-required'],
  ])('%s %j: a code for commands beside the text', async (path, body, code) => {
    const pair = await startPair()
    pair.pg1.node.set({ tags: { nofailover: true } })
    const init = { method: 'POST', body: JSON.stringify(body) }
    const response = await fetch(pair.pg0.base + path, init)
    expect(response.headers.get(OUTCOME_HEADER)).toBe(code)
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
