// Copies that were not replayed to their end: pg_rewind does not take them, or would leave pages of another history behind. A
// rewound node whose source is lost before it ever ran, while somebody leads who does not have all that the source had.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, type Node, ok, openLab, signalIdle, until } from './postgres-harness.ts'

let lab: Lab
/** a: rewound to b. b: lost after that. d: lacks the end of b, and leads. */
let a: Node
let b: Node
let d: Node

beforeAll(async () => {
  lab = await openLab()
  a = await lab.primary('a')
  await a.query('CREATE TABLE t AS SELECT 1 AS n')
  b = await lab.standby('b', a)
  d = await lab.standby('d', a)
  for (const standby of [b, d]) await hasAll(standby, a)
  await d.stop()
  ok(await b.postgres.promote(20_000, signalIdle()))
  await a.query('INSERT INTO t VALUES (2)')
  await a.stop()
  await d.start({ as: 'standby', upstream: b.upstream })
  await hasAll(d, b)
  await d.stop()
  b.postgres.checkpointSoon()
  await until('the checkpoint of b', async () => (await b.server()).controlTimeline === 2)
  await b.query('INSERT INTO t VALUES (3)')
  ok(await a.postgres.rewind(b.upstream, signalIdle(), () => {}))
  await b.stop()
  await d.start({ as: 'standby', upstream: null })
  ok(await d.postgres.promote(20_000, signalIdle()))
  d.postgres.checkpointSoon()
  await until('the checkpoint of d', async () => (await d.server()).controlTimeline === 3)
}, 120_000)
afterAll(() => lab.close())

async function hasAll(standby: Node, from: Node): Promise<void> {
  await until(
    `${standby.name} has all of ${from.name}`,
    async () => (await standby.server()).replayLsn === (await from.server()).position,
  )
}

async function control(node: Node) {
  const { dataDirectory } = await node.see()
  return dataDirectory.kind === 'present' && dataDirectory.control.known ? dataDirectory.control.value : null
}

test('it left the history of the new leader, and is refused to pg_rewind', async () => {
  expect(await a.postgres.compareTimelines(d.upstream, 20_000)).toMatchObject({
    known: true,
    value: { verdict: 'diverged', localTimeline: 2, leaderTimeline: 3 },
  })
  expect(await a.postgres.rewind(d.upstream, signalIdle(), () => {})).toMatchObject({
    ok: false,
    why: expect.stringContaining('backup_label'),
  })
})

test('started as a secondary of nobody it is replayed to its end, and can be rewound to the new leader', async () => {
  await a.start({ as: 'standby', upstream: null })
  expect(await a.server()).toMatchObject({ inRecovery: true })
  ok(await a.postgres.rewind(d.upstream, signalIdle(), () => {}))
  await a.start({ as: 'standby', upstream: d.upstream })
  await until('a streams from d', async () => (await a.server()).walReceiver?.status === 'streaming')
  await hasAll(a, d)
  expect(await a.query('SELECT n FROM t ORDER BY n')).toEqual([{ n: 1 }])
})

test('a base backup stopped in good order in the middle of its replay is refused to pg_rewind as well', async () => {
  const e = await lab.node('e')
  ok(await e.postgres.basebackup(d.upstream, signalIdle(), () => {}))
  const whole = await cutWalAfterCheckpoint(e)
  // Without its end the copy never becomes whole.
  await e.postgres.start({ as: 'standby', upstream: null, timeoutMs: 500 }, signalIdle())
  await until('it has begun to replay', async () => (await control(e))?.unfinishedBackup === true)
  await e.stop({ checkpoint: false })
  expect(await control(e)).toMatchObject({ state: 'shut down in recovery', unfinishedBackup: true })
  expect(await e.postgres.rewind(d.upstream, signalIdle(), () => {})).toMatchObject({
    ok: false,
    why: expect.stringContaining('not replayed to its end'),
  })
  await writeFile(whole.path, whole.content)
  await e.start({ as: 'standby', upstream: d.upstream })
  await hasAll(e, d)
})

/** The WAL of a copy then ends right after the record at which its replay begins; gives what the file was. */
async function cutWalAfterCheckpoint({ directory }: Node) {
  const label = await readFile(join(directory, 'backup_label'), 'utf8')
  const [, segment = ''] = /^START WAL LOCATION: .*\(file (\w+)\)/m.exec(label) ?? []
  const [, low = ''] = /^CHECKPOINT LOCATION: [0-9A-F]+\/([0-9A-F]+)/m.exec(label) ?? []
  const path = join(directory, 'pg_wal', segment)
  const content = await readFile(path)
  const cut = Buffer.from(content)
  // The checkpoint record takes 120 bytes.
  cut.fill(0, (Number.parseInt(low, 16) % content.length) + 120)
  await writeFile(path, cut)
  return { path, content }
}

test('a copy whose first start failed has the control file of a running server, and is compared all the same', async () => {
  const g = await lab.node('g')
  ok(await g.postgres.basebackup(d.upstream, signalIdle(), () => {}))
  expect(await control(g)).toMatchObject({ state: 'in production' })
  expect(await g.postgres.compareTimelines(d.upstream, 20_000)).toMatchObject({
    known: true,
    value: { verdict: 'same', localTimeline: 3, leaderTimeline: 3 },
  })
})
