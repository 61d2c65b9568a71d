// A standby that could not be compared with the leader yet: it runs without an upstream, knows where it stands, and streams
// as soon as it is told to. And a comparison where only replication is let in.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, type Node, ok, openLab, signalIdle, until } from './postgres-harness.ts'

let lab: Lab
let a: Node
let b: Node

beforeAll(async () => {
  lab = await openLab()
  a = await lab.primary('a')
  b = await lab.standby('b', a)
})
afterAll(() => lab.close())

/** As the user of pg_rewind nobody is let in. */
function withoutRewindUser(node: Node) {
  const rewind = { username: 'not_let_in', password: 'wrong', options: {} }
  return node.again({ authentication: { ...node.config.authentication, rewind } })
}

describe('a comparison where only replication is let in', () => {
  test('is made over the replication connection', async () => {
    const adapter = withoutRewindUser(b)
    expect(await adapter.compareTimelines(a.upstream, 3000)).toMatchObject({
      known: true,
      value: { verdict: 'same', leaderTimeline: 1 },
    })
    await adapter.close()
  })

  test('knows a leader that is read-only by default from a standby', async () => {
    await a.query('ALTER SYSTEM SET default_transaction_read_only = on')
    await a.query('SELECT pg_reload_conf()')
    const adapter = withoutRewindUser(b)
    expect(await adapter.compareTimelines(a.upstream, 3000)).toMatchObject({ value: { verdict: 'same' } })
    await a.query('ALTER SYSTEM RESET default_transaction_read_only')
    await a.query('SELECT pg_reload_conf()')
    await adapter.close()
  })

  test('sees a leader that is still in recovery', async () => {
    const adapter = withoutRewindUser(a)
    expect(await adapter.compareTimelines(b.upstream, 3000)).toMatchObject({
      known: false,
      why: 'b is still in recovery',
    })
    await adapter.close()
  })
})

describe('a standby without an upstream', () => {
  test('runs, can be read and knows its timeline and position; told to follow, it streams without a restart', async () => {
    await b.stop()
    await b.start({ as: 'standby', upstream: null })
    const alone = await b.server()
    expect(alone).toMatchObject({ inRecovery: true, timeline: 1, walReceiver: null })
    expect(alone.position).toBeGreaterThan(0n)
    expect(await b.postgres.compareTimelines(a.upstream, 3000)).toMatchObject({ value: { verdict: 'same' } })
    const pid = await b.pid()
    ok(await b.postgres.follow({ ...a.upstream, slot: null }, signalIdle()))
    const streams = async () => (await b.server()).walReceiver?.status === 'streaming'
    await until('b streams', streams, 3000)
    expect(await b.pid()).toBe(pid)
  })
})
