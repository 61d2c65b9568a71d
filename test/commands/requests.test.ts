// Requests of `switchover` and `failover` that cannot be served now: refused before they are made, shown while they are
// pending, not replaced in silence, and taken back by a command that stops waiting.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { LIMIT_MS, until } from '../adapters/etcd/etcd-harness.ts'
import { type FakeCluster, openCluster } from './stage/members.ts'
import { openStage, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

let stage: Stage
let cluster: FakeCluster

beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())
beforeEach(async () => {
  cluster = await openCluster(stage)
})
afterEach(() => cluster.close())

const SWITCHOVER = ['switchover', 'duo', '--candidate', 'pg1', '--force'] as const
const TO_PG2 = {
  leader: 'pg0',
  member: 'pg2',
  hactl: { id: 'x', requested_by: 'hactl on db1', requested_at: '2026-11-29T19:20:11.000Z' },
}

/** As an agent of hactl takes a request in: it goes into etcd with what the command noted. */
function acceptsAndWaits(begunBy: string | null = null): void {
  cluster.member('pg0').onRequest = async (_action, { leader, candidate, hactl }) => {
    const note = { ...(hactl as object), ...(begunBy !== null && { begun_by: begunBy }) }
    await stage.put('duo/failover', { leader, member: candidate, hactl: note })
    return new Promise(() => {})
  }
}

test('a leader whose PostgreSQL does not answer cannot hand over: said before anything is asked', async () => {
  const pg0 = cluster.member('pg0')
  pg0.now = { ...pg0.now, state: 'unknown', location: Number.NaN }
  for (const args of [[...SWITCHOVER, '--dry-run'], SWITCHOVER, ['failover', ...SWITCHOVER.slice(1)]]) {
    const ran = await stage.hactl(args)
    expect([ran.code, ran.stderr]).toEqual([
      3,
      expect.stringContaining(
        'refused: PostgreSQL of the leader pg0 does not answer (state unknown), so that it cannot hand over',
      ),
    ])
  }
  expect(pg0.requests.filter(({ line }) => line.startsWith('POST'))).toEqual([])
})

test('another request stays unless --replace says that it may go', async () => {
  const scheduled = { ...TO_PG2, scheduled_at: '2090-01-01T03:00:00+00:00' }
  await stage.put('duo/failover', scheduled)
  const refused = await stage.hactl(SWITCHOVER)
  expect([refused.code, refused.stderr]).toEqual([
    5,
    'error: another request for cluster duo is scheduled: switchover from pg0 to pg2 at 2090-01-01T03:00:00+00:00, requested by hactl on db1 at 2026-11-29T19:20:11.000Z\nHINT: --replace takes its place; see hactl list duo.\n',
  ])
  expect(JSON.parse(await stage.get('duo/failover'))).toEqual(scheduled)
  cluster.member('pg0').onRequest = async () => {
    expect(await stage.get('duo/failover')).toBe('{}')
    await cluster.changeLeader('pg0', 'pg1', 'rejoins')
    return [200, 'Successfully switched over to "pg1"']
  }
  const replaced = await stage.hactl([...SWITCHOVER, '--replace'])
  expect(replaced.code).toBe(0)
  expect(replaced.stdout).toContain('Replaced: switchover from pg0 to pg2 at 2090-01-01T03:00:00+00:00')
})

test('what a leader has begun is not replaced', async () => {
  await stage.put('duo/failover', { ...TO_PG2, hactl: { ...TO_PG2.hactl, begun_by: 'pg0' } })
  const ran = await stage.hactl([...SWITCHOVER, '--replace'])
  expect(ran.code).toBe(5)
  expect(ran.stderr).toContain(
    'another request for cluster duo is being carried out: switchover from pg0 to pg2',
  )
})

test('one that its maker gave up is in nobody’s way', async () => {
  await stage.put('duo/failover', {
    ...TO_PG2,
    hactl: { ...TO_PG2.hactl, valid_until: '2026-01-01T00:00:00.000Z' },
  })
  expect((await stage.hactl([...SWITCHOVER, '--dry-run'])).code).toBe(0)
})

test('list shows a pending request, and one that nobody understands', async () => {
  await stage.put('duo/failover', {
    ...TO_PG2,
    hactl: { ...TO_PG2.hactl, valid_until: '2090-01-01T00:00:00.000Z' },
  })
  const shown = await stage.hactl(['list', 'duo'])
  expect(shown.stdout).toContain(
    ' Switchover pending, requested by hactl on db1 at 2026-11-29T19:20:11.000Z, until 2090-01-01T00:00:00.000Z\n                    from: pg0\n                      to: pg2\n',
  )
  const [listed] = JSON.parse((await stage.hactl(['list', 'duo', '--json'])).stdout).clusters
  expect(listed.pendingRequest).toMatchObject({ action: 'switchover', from: 'pg0', to: 'pg2', begunBy: null })
  await stage.put('duo/failover', { leader: 'pg0', site: 'dc1' })
  expect((await stage.hactl(['list', 'duo'])).stdout).toContain(
    ' A request is pending that is not understood: it has a field site, which this version of hactl does not know\n',
  )
})

test('Ctrl-C takes the request back', async () => {
  acceptsAndWaits()
  const terminal = openTerminal([...SWITCHOVER], { DCS_URL: stage.url })
  await until('the request in etcd', LIMIT_MS, async () => (await stage.get('duo/failover')).includes('pg1'))
  terminal.type('\u0003')
  expect(await terminal.end()).toBe(130)
  expect(terminal.shown()).toContain('interrupted: nobody had begun it, and the request was withdrawn')
  expect(await stage.get('duo/failover')).toBe('{}')
})

test('what a leader has begun goes on, and is said to', async () => {
  acceptsAndWaits('pg0')
  const ran = await stage.hactl([...SWITCHOVER, '--timeout', '5'])
  expect(ran.code).toBe(6)
  expect(ran.stderr).toContain('did not end within 5 s: pg0 has begun it, and it goes on; pg0 still leads')
  expect(await stage.get('duo/failover')).toContain('begun_by')
})

test('etcd is away when the command gives up: how long the request may still be carried out', async () => {
  acceptsAndWaits()
  const running = stage.hactl([...SWITCHOVER, '--timeout', '6'])
  await until('the request in etcd', LIMIT_MS, async () => (await stage.get('duo/failover')).includes('pg1'))
  await stage.untilRead()
  await stage.etcd.member(0).freeze()
  const ran = await running.finally(() => stage.etcd.member(0).thaw())
  expect(ran.code).toBe(6)
  expect(ran.stderr).toMatch(
    /did not end within 6 s: the request could not be withdrawn \(.+\), and may still be carried out until 2\S+Z/,
  )
})
