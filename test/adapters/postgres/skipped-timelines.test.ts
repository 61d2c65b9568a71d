// A timeline number that another promotion may have taken is skipped, with a real PostgreSQL: the next number, a rewind
// that sees the divergence, standbys that follow, and no trace of it when the promotion does not come about.

import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { forgetSkippedTimelines, inVain, skipTimelines } from '../../../src/postgres/wal/skipped-timelines.ts'
import { type Lab, type Node, ok, openLab, signalIdle, until } from './postgres-harness.ts'

const PROMOTION_MS = 20_000

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

function historyFiles(directory: string): Promise<string[]> {
  return readdir(join(directory, 'pg_wal')).then(names =>
    names.filter(name => name.endsWith('.history')).sort(),
  )
}

async function timelineOf(node: Node): Promise<number | null> {
  return (await node.server()).timeline
}

async function rowsOf(node: Node): Promise<unknown> {
  const [row] = await node.query("SELECT coalesce(string_agg(who, ' ' ORDER BY who), '') AS who FROM t")
  return row?.who
}

test('two standbys promote one after the other from the same position, the second not knowing of the first', async () => {
  const first = await lab.primary('first')
  await first.query("CREATE TABLE t AS SELECT 'first' AS who")
  const [twin, leader, third] = [
    await lab.standby('twin', first),
    await lab.standby('leader', first),
    await lab.standby('third', first),
  ]
  for (const node of [twin, leader, third])
    await until(`${node.name} has the row`, async () => (await rowsOf(node)) === 'first', PROMOTION_MS)
  await first.stop()
  ok(await twin.postgres.promote(PROMOTION_MS, signalIdle()))
  await twin.query("INSERT INTO t VALUES ('twin')")

  ok(await leader.postgres.skipTimelines([2]))
  const began = Date.now()
  ok(await leader.postgres.promote(PROMOTION_MS, signalIdle()))
  expect(Date.now() - began).toBeLessThan(PROMOTION_MS / 2)
  expect(await timelineOf(leader)).toBe(3)
  await leader.query("INSERT INTO t VALUES ('leader')")
  await leader.query('CHECKPOINT')
  const mode = (await stat(join(leader.directory, 'pg_wal', '00000003.history'))).mode & 0o777
  const made = await stat(join(leader.directory, 'pg_wal', '00000002.history'))
  expect(made.mode & 0o777).toBe(mode)
  expect(made.uid).toBe((await stat(leader.directory)).uid)

  // Its history has two numbers that are new to a standby, of which one leads nowhere.
  ok(await third.postgres.follow({ ...leader.upstream, slot: null }, signalIdle()))
  await until('the third follows', async () => (await rowsOf(third)) === 'first leader', 30_000)
  expect(await historyFiles(third.directory)).toEqual(['00000002.history', '00000003.history'])
  await third.stop()
  await third.start({ as: 'standby', upstream: { ...leader.upstream, slot: null } })
  await until('the third follows again', async () => (await timelineOf(third)) === 3, 30_000)

  // The row that the cluster does not have goes.
  const compared = await twin.postgres.compareTimelines(leader.upstream, 5000)
  expect(compared.known && compared.value.verdict).toBe('diverged')
  await twin.stop()
  ok(await twin.postgres.rewind(leader.upstream, signalIdle(), () => {}))
  await twin.start({ as: 'standby', upstream: { ...leader.upstream, slot: null } })
  await until('the twin follows', async () => (await rowsOf(twin)) === 'first leader', 30_000)
  expect(await timelineOf(twin)).toBe(3)

  // Restarted in whatever role, it keeps what standbys ask for.
  await leader.stop()
  await leader.start()
  expect(await historyFiles(leader.directory)).toEqual(['00000002.history', '00000003.history'])
}, 180_000)

test('a file that no promotion came after is gone before the server starts, or follows another leader', async () => {
  const a = await lab.primary('a')
  const b = await lab.standby('b', a)
  ok(await b.postgres.skipTimelines([2, 3]))
  expect(await historyFiles(b.directory)).toEqual(['00000002.history', '00000003.history'])
  // Its agent dies here. The next one starts the server: with the files it would end at once.
  await b.stop()
  const again = b.again()
  ok(
    await again.start(
      { as: 'standby', upstream: { ...a.upstream, slot: null }, timeoutMs: 20_000 },
      signalIdle(),
    ),
  )
  expect(await historyFiles(b.directory)).toEqual([])
  expect(b.messages).toContainEqual(expect.stringContaining('00000002.history, 00000003.history removed'))
  ok(await again.skipTimelines([2]))
  ok(await again.follow({ ...a.upstream, slot: null }, signalIdle()))
  expect(await historyFiles(b.directory)).toEqual([])
  await again.close()
}, 60_000)

test('nothing is replaced, and nothing is promoted past a file that cannot be written', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hactl-skip-'))
  const place = { dataDir, log: () => {} }
  const wal = join(dataDir, 'pg_wal')
  expect(await skipTimelines(place, [2])).toMatchObject({
    ok: false,
    why: expect.stringMatching(/timeline 2 cannot be skipped/),
  })
  await mkdir(wal, { mode: 0o700 })
  await writeFile(join(wal, '00000002.history'), '1\t0/3000000\tno recovery target specified\n')
  expect(await skipTimelines(place, [2, 3])).toEqual({ ok: true })
  expect(await readFile(join(wal, '00000002.history'), 'utf8')).toContain('no recovery target')
  expect(await readFile(join(wal, '00000003.history'), 'utf8')).toMatch(/^1\t0\/1\thactl: /)
  expect(await readdir(wal)).toEqual(['00000002.history', '00000003.history'])
  expect(await forgetSkippedTimelines(place)).toEqual({ ok: true })
  expect(await readdir(wal)).toEqual(['00000002.history'])
  await rm(dataDir, { recursive: true })
})

test('what a standby needs on its way to a real timeline stays', () => {
  const of = (text: string) =>
    new Map(
      text
        .split(' ')
        .map(word => [Number.parseInt(word, 10), word.endsWith('s') ? 'skipped' : 'real'] as const),
    )
  expect(inVain(of('2s 3'))).toEqual([])
  expect(inVain(of('2s'))).toEqual([2])
  expect(inVain(of('2 3s 4s 5 6s'))).toEqual([6])
  // PostgreSQL looks no further than to the first gap.
  expect(inVain(of('2s 4'))).toEqual([2])
})
