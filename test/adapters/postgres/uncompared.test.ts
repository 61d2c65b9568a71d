// A standby that could not be compared with the leader yet: it runs without an upstream, knows where it stands, and streams
// as soon as it is told to. And a comparison where only replication is let in.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, type Node, ok, openLab, sessionAt, signalIdle, until } from './postgres-harness.ts'

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
    expect(await adapter.compareTimelines(a.upstream, 20_000)).toMatchObject({
      known: true,
      value: { verdict: 'same', leaderTimeline: 1 },
    })
    await adapter.close()
  })

  test('knows a leader that is read-only by default from a standby', async () => {
    const readOnly = (value: string) =>
      until(`new sessions to be read-only: ${value}`, async () => {
        const [row] = await a.query('SHOW default_transaction_read_only')
        return row?.default_transaction_read_only === value
      })
    await a.query('ALTER SYSTEM SET default_transaction_read_only = on')
    await a.query('SELECT pg_reload_conf()')
    await readOnly('on')
    const adapter = withoutRewindUser(b)
    expect(await adapter.compareTimelines(a.upstream, 20_000)).toMatchObject({ value: { verdict: 'same' } })
    await a.query('ALTER SYSTEM RESET default_transaction_read_only')
    await a.query('SELECT pg_reload_conf()')
    await readOnly('off')
    await adapter.close()
  })

  test('sees a leader that is still in recovery', async () => {
    const adapter = withoutRewindUser(a)
    expect(await adapter.compareTimelines(b.upstream, 20_000)).toMatchObject({
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
    expect(await b.postgres.compareTimelines(a.upstream, 20_000)).toMatchObject({
      value: { verdict: 'same' },
    })
    const pid = await b.pid()
    ok(await b.postgres.follow({ ...a.upstream, slot: null }, signalIdle()))
    const streams = async () => (await b.server()).walReceiver?.status === 'streaming'
    await until('b streams', streams)
    expect(await b.pid()).toBe(pid)
  })
})

describe('a standby whose own WAL does not make it readable', () => {
  const MANY_SUBTRANSACTIONS = `DO $$ BEGIN FOR i IN 1..100 LOOP
      BEGIN INSERT INTO many VALUES (i); EXCEPTION WHEN others THEN NULL; END;
    END LOOP; END $$`

  test('is compared and told to follow while it starts', async () => {
    await a.query('CREATE TABLE many (i int)')
    const session = await sessionAt(a.config.port)
    await session.query('BEGIN')
    await session.query(MANY_SUBTRANSACTIONS)
    // The restart point of b is then one at which the transaction was in progress.
    await a.query('CHECKPOINT')
    const caughtUp = async () => (await b.see()).server.known && (await replayed(b)) >= (await written(a))
    await until('b has the checkpoint', caughtUp)
    await b.query('CHECKPOINT')
    await b.stop()
    const alone = { as: 'standby', upstream: null, timeoutMs: 2000 } as const
    expect(await b.postgres.start(alone, signalIdle())).toMatchObject({ ok: false })
    await until('b rejects', async () => {
      const { process: found } = await b.see()
      return found.kind === 'running' && found.readiness === 'rejecting'
    })
    await session.query('COMMIT')
    await session.end()
    expect(await b.postgres.compareTimelines(a.upstream, 20_000)).toMatchObject({
      value: { verdict: 'same' },
    })
    const upstream = { ...a.upstream, slot: null }
    expect(await b.postgres.compareRecovery(upstream)).toMatchObject({ value: { change: 'reload' } })
    ok(await b.postgres.follow(upstream, signalIdle()))
    await a.query('CHECKPOINT')
    await until('b lets somebody in', async () => (await b.see()).server.known)
  })
})

async function written(node: Node): Promise<bigint> {
  return (await node.server()).position
}

async function replayed(node: Node): Promise<bigint> {
  return (await node.server()).replayLsn ?? 0n
}
