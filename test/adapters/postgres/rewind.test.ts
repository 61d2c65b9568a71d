// Rejoining: who needs no rewind, who does, what happens before it, and what a failed one leaves behind.

import {
  chmod,
  mkdir,
  open as openFile,
  readdir,
  readFile,
  rename,
  rm,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Upstream } from '../../../src/model/cluster/peer.ts'
import { createPostgres } from '../../../src/postgres/postgres.ts'
import { sendSignal } from '../../../src/system/proc.ts'
import { clock, type Lab, type Node, ok, openLab, runAs, signalIdle, until } from './postgres-harness.ts'

let lab: Lab
let a: Node
let b: Node
let archive: string
let open: string

beforeAll(async () => {
  lab = await openLab()
  archive = join(lab.directory, 'archive')
  open = join(lab.directory, 'archive-open')
  await mkdir(archive)
  await chmod(archive, 0o777)
  // (R07) a shell command; it fails until the file `open` exists.
  const parameters = {
    archive_mode: 'on',
    archive_command: `test -f ${open} && cp %p ${archive}/%f`,
  }
  const recoveryConf = { restore_command: `cp ${archive}/%f %p` }
  a = await lab.primary('a', { parameters, recoveryConf })
  await a.query('CREATE TABLE t AS SELECT 1 AS n')
  b = await lab.standby('b', a, { parameters, recoveryConf })
  await untilStreaming(b, a)
})
afterAll(() => lab.close())

async function untilStreaming(node: Node, from: Node): Promise<void> {
  await until(`${node.name} streams everything from ${from.name}`, async () => {
    const [view, primary] = [await node.see(), await from.server()]
    if (!view.server.known || view.server.value.walReceiver?.status !== 'streaming') return false
    return view.server.value.replayLsn === primary.position
  })
}

async function compare(node: Node, leader: Upstream) {
  const seen = await node.postgres.compareTimelines(leader, 20_000)
  if (!seen.known) throw new Error(seen.why)
  return seen.value
}

async function kill(node: Node): Promise<void> {
  sendSignal(await node.pid(), 'SIGKILL')
  await until(`${node.name} is dead`, async () => (await node.see()).process.kind === 'stopped')
}

async function controlState(node: Node): Promise<string> {
  const { dataDirectory } = await node.see()
  return dataDirectory.kind === 'present' && dataDirectory.control.known
    ? dataDirectory.control.value.state
    : 'unknown'
}

describe('no rewind needed', () => {
  test('a streaming standby is on the same timeline', async () => {
    expect(await compare(b, a.upstream)).toMatchObject({
      verdict: 'same',
      localTimeline: 1,
      leaderTimeline: 1,
    })
  })

  test('(R13, R21) a leader that is still in recovery, or that does not answer, gives no verdict', async () => {
    const answer = await a.postgres.compareTimelines(b.upstream, 20_000)
    expect(answer).toMatchObject({ known: false, why: 'b is still in recovery' })
    const nobody = await a.postgres.compareTimelines({ ...b.upstream, port: 1 }, 20_000)
    expect(nobody).toMatchObject({ known: false, why: expect.stringContaining('does not answer') })
  })

  test('before data is removed for a copy, its source lets this node in, or what is against it is said', async () => {
    expect(await a.postgres.reachSource(b.upstream)).toEqual({ ok: true })
    expect(await a.postgres.reachSource({ ...b.upstream, port: 1 })).toMatchObject({
      ok: false,
      why: expect.stringMatching(/^nothing was removed: b cannot be copied from: .*ECONNREFUSED/),
    })
  })

  test('(R12, R05) a former primary whose last record ends at the switch point follows without a rewind', async () => {
    await a.stop()
    await until('b has the shutdown checkpoint', async () => (await b.server()).walReceiver === null)
    ok(await b.postgres.promote(20_000, signalIdle()))
    const found = await compare(a, b.upstream)
    expect(found).toMatchObject({ verdict: 'ancestor', localTimeline: 1, leaderTimeline: 2 })
    expect(found.localLsn).toBeLessThan(found.switchLsn ?? 0n)
    await a.start({ as: 'standby', upstream: b.upstream })
    await untilStreaming(a, b)
    expect((await a.server()).timeline).toBe(2)
  })

  test('(R16, R01) a stopped replica that replayed no further than the switch point is an ancestor', async () => {
    const c = await lab.standby('c', b)
    await untilStreaming(c, b)
    await c.stop()
    expect(await controlState(c)).toBe('shut down in recovery')
    expect(await compare(c, b.upstream)).toMatchObject({ verdict: 'same', localTimeline: 2 })
  })
})

describe('rewind', () => {
  test('a primary that wrote on after the others had left is diverged, dead or alive', async () => {
    // a leaves b's history (timeline 3), and b goes on writing on timeline 2.
    ok(await a.postgres.promote(20_000, signalIdle()))
    await a.query(`INSERT INTO t VALUES (3)`)
    await b.query(`INSERT INTO t VALUES (2); SELECT pg_switch_wal()`)
    await b.query(`INSERT INTO t VALUES (2)`)
    expect(await compare(b, a.upstream)).toMatchObject({
      verdict: 'diverged',
      localTimeline: 2,
      leaderTimeline: 3,
    })
    a.postgres.checkpointSoon()
    await until('the checkpoint of a', async () => (await a.server()).controlTimeline === 3)
    await kill(b)
    const answer = await b.postgres.compareTimelines(a.upstream, 20_000)
    expect(answer).toMatchObject({ known: false, why: expect.stringContaining('"in production"') })
  })

  test('(P06) a restored backup (backup_label) gets no single-user recovery', async () => {
    const label = join(b.directory, 'backup_label')
    await writeFile(label, 'x')
    expect(await b.postgres.crashRecovery(signalIdle())).toMatchObject({
      ok: false,
      why: expect.stringContaining('backup_label'),
    })
    await rm(label)
  })

  test('(P30, P31) single-user recovery: a cancelled one ends; a failing one tells why', async () => {
    expect(await b.postgres.crashRecovery(AbortSignal.abort())).toMatchObject({ ok: false, cancelled: true })
    const opts = join(b.directory, 'postmaster.opts')
    const text = await readFile(opts, 'utf8')
    await writeFile(opts, text.replace(/"--max_connections=[^"]*"/, '"--max_connections=none"'))
    expect(await b.postgres.crashRecovery(signalIdle())).toMatchObject({
      ok: false,
      why: expect.stringContaining('max_connections'),
    })
    expect(b.messages.some(message => message.includes('single-user recovery failed'))).toBe(true)
    await writeFile(opts, text)
  })

  test('(R09, P46) crash recovery archives what was ready, leaves a clean shutdown, and the verdict stays', async () => {
    const status = join(b.directory, 'pg_wal', 'archive_status')
    const ready = (await readdir(status)).filter(name => name.endsWith('.ready'))
    expect(ready.length).toBeGreaterThan(0)
    await writeFile(open, '')
    ok(await b.postgres.crashRecovery(signalIdle()))
    for (const name of ready) expect(await readdir(archive)).toContain(name.replace('.ready', ''))
    expect((await readdir(status)).filter(name => name.endsWith('.done'))).toEqual([])
    expect(await controlState(b)).toBe('shut down')
    expect(await compare(b, a.upstream)).toMatchObject({ verdict: 'diverged' })
  })

  test('(R10, R21) failures that touched nothing: unreachable leader, or one that is a standby', async () => {
    const unreachable = await b.postgres.rewind({ ...a.upstream, port: 1 }, signalIdle(), () => {})
    expect(unreachable).toMatchObject({
      ok: false,
      damaged: false,
      why: expect.stringContaining('ECONNREFUSED'),
    })
    const c = await lab.standby('d', a)
    const standby = await b.postgres.rewind(c.upstream, signalIdle(), () => {})
    expect(standby).toMatchObject({ ok: false, damaged: false })
    await c.stop()
    expect(await controlState(b)).toBe('shut down')
  })

  test('(R10) pg_rewind that dies after it began to copy: damaged', async () => {
    const script = join(lab.directory, 'pg_rewind_dies')
    await writeFile(
      script,
      `#!/bin/sh\necho 'pg_rewind: need to copy 5 MB (total source directory size is 40 MB)' >&2\nexit 1\n`,
    )
    await chmod(script, 0o755)
    const config = { ...b.config, binNames: { pg_rewind: script } }
    const stateDirectory = `${b.directory}-state`
    const options = {
      ...{ config, effective: b.effective, scope: 'lab', name: 'b', bootstrap: null, clock, log: () => {} },
      ...(runAs === undefined ? {} : { runAs }),
      stateDirectory,
    }
    const postgres = createPostgres(options)
    expect(await postgres.rewind(a.upstream, signalIdle(), () => {})).toMatchObject({
      ok: false,
      damaged: true,
    })
    const start = { as: 'standby', upstream: a.upstream, timeoutMs: 5000 } as const
    const mark = join(stateDirectory, 'rewind-unfinished')
    expect(await postgres.start(start, signalIdle())).toMatchObject({
      ok: false,
      why: expect.stringContaining(`a rewind was broken off, the data directory needs a new copy (${mark})`),
    })
    await postgres.close()
    // The mark of a time when the state directory was not configured yet counts as well.
    const beside = `${b.directory}.hactl`
    await expect(readdir(beside)).resolves.not.toContain('rewind-unfinished')
    await rename(mark, join(beside, 'rewind-unfinished'))
    const restarted = createPostgres(options)
    expect(await restarted.start(start, signalIdle())).toMatchObject({ ok: false })
    await restarted.close()
    // From now on, also after a restart of the agent, it is neither started nor rewound once more.
    expect(await b.postgres.start(start, signalIdle())).toMatchObject({
      ok: false,
      why: expect.stringContaining('a rewind was broken off'),
    })
    expect(await b.postgres.rewind(a.upstream, signalIdle(), () => {})).toMatchObject({
      ok: false,
      damaged: true,
    })
    // It was a script that only said so: nothing was changed.
    await rm(`${b.directory}.hactl/rewind-unfinished`)
  })

  test('(R17, R15) rewinds, with WAL that is no longer here fetched by restore_command, then streams', async () => {
    const wal = join(b.directory, 'pg_wal')
    const archived = (await readdir(archive)).filter(name => name.startsWith('00000002'))
    expect(archived.length).toBeGreaterThan(0)
    for (const name of archived.filter(file => /^[0-9A-F]{24}$/.test(file)))
      await unlink(join(wal, name)).catch(() => {})
    const phases = new Set<string>()
    const startMs = performance.now()
    ok(await b.postgres.rewind(a.upstream, signalIdle(), ({ phase }) => phases.add(phase)))
    console.log(`rewind: ${Math.round(performance.now() - startMs)} ms`)
    expect([...phases]).toEqual(['preparing', 'comparing', 'copying'])
    // A base backup left the leader at the beginning of a WAL file: b is whole when the next record has come, and at rest
    // that takes a quarter of a minute.
    await a.query('CHECKPOINT')
    await b.start({ as: 'standby', upstream: a.upstream })
    await untilStreaming(b, a)
    const rows = await b.query('SELECT n FROM t ORDER BY n')
    expect(rows).toEqual([{ n: 1 }, { n: 3 }])
    expect((await b.server()).timeline).toBe(3)
  })

  test('a standby that crashed ahead of the new leader is recovered and rewound', async () => {
    const c = await lab.standby('behind', a)
    await untilStreaming(c, a)
    await c.stop()
    await a.query('INSERT INTO t VALUES (4)')
    await untilStreaming(b, a)
    await b.query('CHECKPOINT')
    await kill(b)
    await a.stop()
    expect(await controlState(b)).toBe('in archive recovery')
    await c.start({ as: 'standby', upstream: null })
    ok(await c.postgres.promote(20_000, signalIdle()))
    expect(await compare(b, c.upstream)).toMatchObject({
      verdict: 'diverged',
      localTimeline: 3,
      leaderTimeline: 4,
    })
    c.postgres.checkpointSoon()
    await until('the checkpoint of c', async () => (await c.server()).controlTimeline === 4)
    ok(await b.postgres.rewind(c.upstream, signalIdle(), () => {}))
    await b.start({ as: 'standby', upstream: c.upstream })
    await untilStreaming(b, c)
    expect(await b.query('SELECT n FROM t ORDER BY n')).toEqual([{ n: 1 }, { n: 3 }])
  })
})

describe('a rewind from a leader that writes little, and something meanwhile', () => {
  /** As the WAL of a timeline that has just begun looks when it was copied before the leader wrote most of what it has now. */
  async function forgetWal(node: Node, timeline: number, from: bigint): Promise<void> {
    const segment = (from / 0x1000000n).toString(16).toUpperCase().padStart(8, '0')
    const name = `${timeline.toString(16).padStart(8, '0')}00000000${segment}`
    const file = await openFile(join(node.directory, 'pg_wal', name), 'r+')
    await file.write(Buffer.alloc(4096), 0, 4096, Number(from % 0x1000000n))
    await file.close()
  }

  test('is not taken for a twin: WAL that was copied may lack what the leader wrote before the rewind was complete', async () => {
    const leader = await lab.primary('busy')
    const node = await lab.standby('rewound', leader)
    await untilStreaming(node, leader)
    ok(await node.postgres.promote(20_000, signalIdle()))
    await leader.query('CREATE TABLE lost ()')
    await leader.stop()
    node.postgres.checkpointSoon()
    await until('the checkpoint', async () => (await node.server()).controlTimeline === 2)
    ok(await leader.postgres.rewind(node.upstream, signalIdle(), () => {}))
    await node.query('CREATE TABLE kept ()')
    const { localLsn } = await compare(leader, node.upstream)
    await forgetWal(leader, 2, localLsn - 64n)
    expect(await compare(leader, node.upstream)).toMatchObject({ verdict: 'same', localTimeline: 2 })
    await leader.start({ as: 'standby', upstream: node.upstream })
    await untilStreaming(leader, node)
    expect(await compare(leader, node.upstream)).toMatchObject({ verdict: 'same', localTimeline: 2 })
    expect(await leader.query(`SELECT relname FROM pg_class WHERE relname IN ('lost', 'kept')`)).toEqual([
      { relname: 'kept' },
    ])
  })
})

/** All of the timelines that were left. */
async function recycle(node: Node): Promise<void> {
  await node.query('CREATE TABLE switches AS SELECT 1 AS n')
  await until(
    'the WAL of timeline 2 is recycled',
    async () => {
      await node.query('INSERT INTO switches VALUES (2)')
      await node.query('SELECT pg_switch_wal()')
      await node.query('CHECKPOINT')
      const [row] = await node.query(
        "SELECT count(*)::int AS n FROM pg_ls_waldir() WHERE name ~ '^00000002[0-9A-F]{16}'",
      )
      return row?.n === 0
    },
    60_000,
  )
}

describe('two nodes that promoted themselves at the same position', () => {
  let loser: Node
  let third: Node

  test('are told apart, though number and history of their timelines are the same', async () => {
    const former = await lab.primary('former', { parameters: { wal_keep_size: '0' } })
    const winner = await lab.standby('winner', former)
    loser = await lab.standby('loser', former)
    third = await lab.standby('third', former, { parameters: { wal_keep_size: '0' } })
    for (const node of [winner, loser, third]) await untilStreaming(node, former)
    await former.stop()
    for (const node of [winner, loser]) ok(await node.postgres.promote(20_000, signalIdle()))
    await winner.query('CREATE TABLE mine AS SELECT 1 AS n')
    await loser.query('CREATE TABLE yours AS SELECT 1 AS n')
    await winner.query('CREATE TABLE more AS SELECT generate_series(1, 9999) AS n')
    // Behind the winner, and a standby again while nobody led: only what stands in its WAL gives it away.
    await loser.stop()
    await loser.start({ as: 'standby', upstream: null })
    expect(await compare(loser, winner.upstream)).toMatchObject({
      ...{ verdict: 'twin', localTimeline: 2, leaderTimeline: 2 },
    })
    // Of a copy only the first record is compared: the rest may not have been there yet when it was copied.
    await loser.stop()
    await writeFile(join(loser.directory, 'backup_label'), 'x')
    expect(await compare(loser, winner.upstream)).toMatchObject({ verdict: 'twin', localTimeline: 2 })
    await rm(join(loser.directory, 'backup_label'))
    await loser.start({ as: 'standby', upstream: null })
    await third.stop()
    await third.start({ as: 'standby', upstream: winner.upstream })
    await untilStreaming(third, winner)
    expect(await compare(third, winner.upstream)).toMatchObject({ verdict: 'same', localTimeline: 2 })
    const fourth = await lab.standby('fourth', winner)
    await untilStreaming(fourth, winner)
    await fourth.stop()
    // The winner hands over: the twins' number is now one of the past, and the loser ends before it was left.
    await winner.stop()
    ok(await third.postgres.promote(20_000, signalIdle()))
    expect(await compare(loser, third.upstream)).toMatchObject({
      ...{ verdict: 'twin', localTimeline: 2, leaderTimeline: 3 },
    })
    expect(await compare(fourth, third.upstream)).toMatchObject({ verdict: 'ancestor', localTimeline: 2 })
  })

  test('are not taken for the same when the WAL that would tell is recycled: that is an answer of its own', async () => {
    await recycle(third)
    expect(await compare(loser, third.upstream)).toMatchObject({
      ...{ verdict: 'unproved', localTimeline: 2, leaderTimeline: 3 },
      why: expect.stringContaining('has already been removed'),
    })
  }, 120_000)
})
