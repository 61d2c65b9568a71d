// Standbys: base backup, streaming, following another member, promotion, slots, settings that wait for a restart.

import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatLsn } from '../../../src/model/units.ts'
import type { Progress } from '../../../src/ports/postgres.ts'
import { listProcesses } from '../../../src/system/proc.ts'
import { configure } from './configure.ts'
import {
  BIN_DIR,
  clock,
  exitOf,
  type Lab,
  type Node,
  ok,
  openLab,
  REPLICATION_PASSWORD,
  runAs,
  signalIdle,
  until,
} from './postgres-harness.ts'

let lab: Lab
let a: Node
let b: Node

beforeAll(async () => {
  lab = await openLab()
  a = await lab.primary('a')
  await a.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS n')
})
afterAll(() => lab.close())

async function commandLines(): Promise<readonly string[]> {
  const processes = await listProcesses()
  return await Promise.all(
    processes.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
}

async function isStreaming(node: Node, from: Node): Promise<boolean> {
  const view = await node.see()
  if (!view.server.known || view.server.value.walReceiver?.status !== 'streaming') return false
  const primary = await from.server()
  return primary.replication.some(
    sender => sender.applicationName === node.name && sender.state === 'streaming',
  )
}

describe('base backup', () => {
  test('copies, reports progress, shows no password in any argument list, and the standby streams', async () => {
    // Slow enough that the sampler sees it, also when one of the two stands still for a while.
    b = await lab.node('b', { basebackup: [{ name: 'max-rate', value: '20M' }] })
    const progress: Progress[] = []
    const lines: string[] = []
    const sampler = new AbortController()
    const sampling = (async () => {
      while (!sampler.signal.aborted) {
        lines.push(...(await commandLines()))
        await clock.sleep(5)
      }
    })()
    ok(await b.postgres.basebackup(a.upstream, signalIdle(), step => progress.push(step)))
    sampler.abort()
    await sampling
    expect(lines.some(line => line.includes('pg_basebackup') && line.includes('user=replicator'))).toBe(true)
    expect(lines.filter(line => line.includes(REPLICATION_PASSWORD) || line.includes("pa\\'ss"))).toEqual([])
    const last = progress.at(-1)
    expect(last?.phase).toBe('copying')
    expect(last?.doneBytes).toBeGreaterThan(1_000_000)
    await b.start({ as: 'standby', upstream: a.upstream })
    await until('b streams from a', () => isStreaming(b, a))
    expect(await b.query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 1000 }])
    const view = await b.see()
    expect(view.server).toMatchObject({ value: { inRecovery: true, timeline: 1 } })
    expect(view.dataDirectory).toMatchObject({
      recoveryConfigured: true,
      control: { value: { state: 'in archive recovery' } },
    })
  })

  test('is refused while the server runs, and leaves it alone', async () => {
    const outcome = await b.postgres.basebackup(a.upstream, signalIdle(), () => {})
    expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining('PostgreSQL runs') })
    expect(await isStreaming(b, a)).toBe(true)
  })

  test('(P10) cancelled while it copies: ends at once with all its processes and leaves an empty directory', async () => {
    const c = await lab.node('cancelled', { basebackup: [{ name: 'max-rate', value: '32k' }] })
    const abort = new AbortController()
    const work = c.postgres.basebackup(a.upstream, abort.signal, () => {})
    const copies = async () =>
      (await commandLines()).filter(line => line.includes(`--pgdata=${c.directory}`)).length
    await until('the copy to have begun', async () => (await readdir(c.directory).catch(() => [])).length > 3)
    // (B24) Looks meanwhile do not read the control file of something unfinished.
    const view = await c.see()
    expect(view.dataDirectory).toMatchObject({
      control: { known: false, why: 'the data directory is being made' },
    })
    const startMs = performance.now()
    abort.abort()
    expect(await work).toMatchObject({ ok: false, cancelled: true })
    console.log(`base backup cancelled within ${Math.round(performance.now() - startMs)} ms`)
    expect(performance.now() - startMs).toBeLessThan(10_000)
    // Of one that was just killed the command line may still be seen.
    await until('the copy to be gone', async () => (await copies()) === 0)
    expect(await readdir(c.directory)).toEqual([])
  })

  test('an unreachable source: two attempts, the reason, an empty directory even when there was something', async () => {
    const c = await lab.node('unreachable')
    await mkdir(join(c.directory, 'global'), { recursive: true })
    await writeFile(join(c.directory, 'global', 'pg_control'), 'remains')
    const outcome = await c.postgres.basebackup({ ...a.upstream, port: 1 }, signalIdle(), () => {})
    expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining('onnection refused') })
    expect(c.messages.filter(text => text.includes('attempt'))).toHaveLength(2)
    expect(await readdir(c.directory)).toEqual([])
    expect((await c.see()).dataDirectory).toEqual({ kind: 'empty' })
  })

  test('(B03) compression by the client and options of ours are refused with a warning, the copy is made', async () => {
    const c = await lab.node('options', {
      basebackup: [
        { name: 'compress', value: 'client-gzip' },
        { name: 'format', value: 'tar' },
        { name: 'compress', value: 'server-gzip' },
      ],
    })
    ok(await c.postgres.basebackup(a.upstream, signalIdle(), () => {}))
    expect(c.messages.some(text => text.includes('option format is not allowed'))).toBe(true)
    expect((await c.see()).dataDirectory).toMatchObject({ kind: 'present', backupLabel: true })
  })
})

describe('following', () => {
  test('the settings in force are those for its upstream; for another one a reload is enough', async () => {
    expect(await b.postgres.compareRecovery(a.upstream)).toMatchObject({
      value: { change: 'none', differing: [] },
    })
    const other = { ...a.upstream, name: 'x', port: a.upstream.port + 1 }
    expect(await b.postgres.compareRecovery(other)).toMatchObject({
      value: { change: 'reload', differing: expect.arrayContaining(['primary_conninfo']) },
    })
  })

  test('follow another: a cascade is hung over to the primary without a restart', async () => {
    const c = await lab.standby('c', b)
    await until('c streams from b', () => isStreaming(c, b))
    const pid = await c.pid()
    ok(await c.postgres.follow(a.upstream, signalIdle()))
    await until('c streams from a', () => isStreaming(c, a))
    expect(await c.pid()).toBe(pid)
    await c.stop()
  })

  test('(P11) an adapter that finds a standby running asks for one rewrite, then all is as wanted', async () => {
    const second = b.again()
    await second.look(5000)
    expect(await second.compareRecovery(a.upstream)).toMatchObject({ value: { change: 'reload' } })
    ok(await configure(second, b.effective, { rewriteAlways: false }))
    // It must not have cut the stream by writing that it follows nobody.
    expect(await isStreaming(b, a)).toBe(true)
    ok(await second.follow(a.upstream, signalIdle()))
    await until('all is as wanted', async () => {
      const seen = await second.compareRecovery(a.upstream)
      return seen.known && seen.value.change === 'none'
    })
    await second.close()
  })

  test('(P27) a paused replay is seen and resumed', async () => {
    await b.query('SELECT pg_wal_replay_pause()')
    await until('paused', async () => (await b.server()).replayPaused)
    ok(await b.postgres.resumeReplay())
    expect((await b.server()).replayPaused).toBe(false)
  })

  test('a standby that receives nothing still knows its timeline', async () => {
    ok(await b.postgres.follow(null, signalIdle()))
    await until('the receiver to end', async () => (await b.server()).walReceiver === null)
    expect((await b.server()).timeline).toBe(1)
    ok(await b.postgres.follow(a.upstream, signalIdle()))
    await until('b streams again', () => isStreaming(b, a))
  })
})

describe('settings', () => {
  test('accounts that were rotated hold for new logins, and for a standby that connects again', async () => {
    const accounts = {
      superuser: { username: 'rotated', password: 'new-1', options: {} },
      replication: { ...a.config.authentication.replication, password: 'new-2' },
      rewind: null,
    }
    await a.query("CREATE ROLE rotated SUPERUSER LOGIN PASSWORD 'new-1'")
    await a.query("ALTER ROLE replicator PASSWORD 'new-2'")
    ok(await configure(a.postgres, a.effective, { rewriteAlways: true, accounts }))
    ok(await configure(b.postgres, b.effective, { rewriteAlways: true, accounts }))
    await a.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datid > 0 OR backend_type = $$walsender$$',
    )
    await until('b streams again', () => isStreaming(b, a))
    const heartbeats = "SELECT usename FROM pg_stat_activity WHERE application_name = 'hactl heartbeat'"
    // The session of before may still be ending.
    await until('the heartbeat to be the new one', async () => {
      const users = (await a.query(heartbeats)).map(row => row.usename)
      return users.length === 1 && users[0] === 'rotated'
    })
    const restored = a.config.authentication
    await a.query(`ALTER ROLE replicator PASSWORD '${restored.replication.password?.replaceAll("'", "''")}'`)
    ok(await configure(a.postgres, a.effective, { rewriteAlways: true, accounts: restored }))
    ok(await configure(b.postgres, b.effective, { rewriteAlways: true, accounts: restored }))
  })

  test('a changed parameter is reloaded; one that needs a restart is listed with both values, until the restart', async () => {
    const parameters = { ...a.effective.parameters, work_mem: '8MB', shared_buffers: '24MB' }
    ok(await configure(a.postgres, { ...a.effective, parameters }, { rewriteAlways: false }))
    await until('work_mem to change', async () => (await a.query('SHOW work_mem'))[0]?.work_mem === '8MB')
    await until(
      'the restart to be pending',
      async () => 'shared_buffers' in (await a.server()).pendingRestart,
    )
    expect((await a.server()).pendingRestart).toEqual({
      shared_buffers: { oldValue: '16MB', newValue: '24MB' },
    })
    await a.stop()
    await a.start()
    expect((await a.server()).pendingRestart).toEqual({})
    expect(await a.query('SHOW shared_buffers')).toEqual([{ shared_buffers: '24MB' }])
    await until('b streams again', () => isStreaming(b, a))
  })

  test('what somebody’s pg_ctl restart kept is still pending, what it added is too, and a start of ours ends both', async () => {
    const pgCtl = async (...options: string[]) => {
      const log = `${a.directory}.own.log`
      const args = ['-D', a.directory, '-w', '-l', log, ...options, 'restart']
      await promisify(execFile)(`${BIN_DIR}/pg_ctl`, args, { ...runAs, cwd: '/' })
    }
    const pending = async () => JSON.stringify((await a.server()).pendingRestart)
    const parameters = { ...a.effective.parameters, shared_buffers: '24MB', max_replication_slots: 12 }
    ok(await configure(a.postgres, { ...a.effective, parameters }, { rewriteAlways: false }))
    const slots = JSON.stringify({ max_replication_slots: { oldValue: '10', newValue: '12' } })
    await until('the restart to be pending', async () => (await pending()) === slots)
    await pgCtl()
    await until('the restart to be pending still', async () => (await pending()) === slots)
    expect(await a.query('SELECT 1 AS one FROM pg_settings WHERE pending_restart')).toEqual([])
    await pgCtl('-o', '-c work_mem=1MB')
    const memory = JSON.stringify({ work_mem: { oldValue: '1MB', newValue: '4MB' } })
    await until('what the command line added to be pending', async () => (await pending()) === memory)
    ok(await configure(a.postgres, a.effective, { rewriteAlways: false }))
    await a.stop()
    await a.start()
    await until('nothing to be pending', async () => (await pending()) === '{}')
    expect(a.messages.join('\n')).toContain(
      'a restart of PostgreSQL is pending: max_replication_slots 10 -> 12',
    )
    await until('b streams again', () => isStreaming(b, a))
  })

  test('a parameter that was taken back before the restart waits for none', async () => {
    const parameters = { ...a.effective.parameters, shared_preload_libraries: 'not_there' }
    ok(await configure(a.postgres, { ...a.effective, parameters }, { rewriteAlways: false }))
    const isPending = async () => 'shared_preload_libraries' in (await a.server()).pendingRestart
    await until('the restart to be pending', isPending)
    ok(await configure(a.postgres, a.effective, { rewriteAlways: false }))
    await until('no restart to be pending', async () => !(await isPending()))
  })

  test('(P27) more max_connections on the primary pauses the replay; resumed, the standby ends and starts with the value', async () => {
    const parameters = { ...a.effective.parameters, max_connections: 120 }
    ok(await configure(a.postgres, { ...a.effective, parameters }, { rewriteAlways: false }))
    await a.stop()
    await a.start()
    await until('the replay to pause', async () => (await b.server()).replayPaused)
    // Which tells this pause from an operator's.
    const { dataDirectory, server } = await b.see()
    expect(server).toMatchObject({ value: { inForce: { maxConnections: 100 } } })
    expect(dataDirectory).toMatchObject({ control: { value: { settings: { maxConnections: 120 } } } })
    const exit = exitOf(b.postgres)
    // The server may end before it has answered.
    await b.postgres.resumeReplay()
    expect(await exit).toBe(true)
    await b.start({ as: 'standby', upstream: a.upstream })
    expect(await b.query('SHOW max_connections')).toEqual([{ max_connections: '120' }])
    await until('b streams again', () => isStreaming(b, a))
  })
})

describe('slots', () => {
  test('created with their WAL reserved, moved forward, dropped; a busy one stays; names are checked', async () => {
    ok(await a.postgres.changeSlots({ create: ['b', 'c_1'], drop: [], advance: [] }))
    ok(await a.postgres.changeSlots({ create: ['b'], drop: ['not_there'], advance: [] }))
    const made = (await a.server()).slots
    expect(made.map(slot => slot.name).sort()).toEqual(['b', 'c_1'])
    expect(made[0]).toMatchObject({
      kind: 'physical',
      active: false,
      database: null,
      plugin: null,
      xmin: null,
    })
    const before = made.find(slot => slot.name === 'c_1')?.restartLsn ?? null
    expect(before).not.toBeNull()
    ok(await b.postgres.follow({ ...a.upstream, slot: 'b' }, signalIdle()))
    await until('slot b to be used', async () =>
      (await a.server()).slots.some(slot => slot.name === 'b' && slot.active),
    )
    await a.query('INSERT INTO t SELECT generate_series(1, 1000)')
    const { position } = await a.server()
    // A slot goes no further than what is on disk, and the server writes by itself what it flushes a moment later.
    await until('all to be flushed', async () => {
      const [row] = await a.query(`SELECT pg_current_wal_flush_lsn() >= '${formatLsn(position)}' AS flushed`)
      return row?.flushed === true
    })
    ok(await a.postgres.changeSlots({ create: [], drop: ['b'], advance: [{ name: 'c_1', to: position }] }))
    const after = (await a.server()).slots
    expect(after.map(slot => slot.name)).toContain('b')
    expect(after.find(slot => slot.name === 'c_1')?.restartLsn).toBe(position)
    ok(await a.postgres.changeSlots({ create: [], drop: ['c_1'], advance: [] }))
    expect((await a.server()).slots.map(slot => slot.name)).toEqual(['b'])
    expect(await a.postgres.changeSlots({ create: ["x'; SELECT 1"], drop: [], advance: [] })).toEqual({
      ok: false,
      why: `"x'; SELECT 1" is not a slot name`,
    })
  })
})

describe('promotion', () => {
  test('a standby accepts writes; timeline, history and the checkpoint that peers wait for', async () => {
    await until('b has everything', async () => (await b.server()).replayLsn === (await a.server()).position)
    await a.stop()
    const startMs = performance.now()
    ok(await b.postgres.promote(20_000, signalIdle()))
    const ms = Math.round(performance.now() - startMs)
    console.log(`promotion: ${ms} ms`)
    // Bounded; that it is short is what test/bench sees to.
    expect(ms).toBeLessThan(15_000)
    await b.query('CREATE TABLE after_promotion (n int)')
    const view = await b.see()
    expect(view.server).toMatchObject({ value: { inRecovery: false, timeline: 2 } })
    expect(view.dataDirectory).toMatchObject({
      recoveryConfigured: false,
      history: { value: [{ timeline: 1 }] },
    })
    const history = await b.postgres.readHistory(2)
    expect(history).toMatchObject({ value: [{ timeline: 1, reason: 'no recovery target specified' }] })
    if (history.known)
      expect(history.value[0]?.atIso).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$/)
    b.postgres.checkpointSoon()
    b.postgres.checkpointSoon()
    await until('the checkpoint on the new timeline', async () => (await b.server()).controlTimeline === 2)
    // (R03) Once more is no harm, and promoting a primary is done already.
    ok(await b.postgres.promote(1000, signalIdle()))
  })

  test('what does not run is not promoted', async () => {
    expect(await a.postgres.promote(1000, signalIdle())).toMatchObject({ ok: false })
  })
})
