// The server as a process: bootstrap, start, stop, death, adoption, leftovers, hangs. Names in brackets are the rows of
// spec/postgres.md 10 that a test stands for.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Postgres, ShutdownPosition } from '../../../src/ports/postgres.ts'
import { listProcesses, pidExists, readProcess, sendSignal } from '../../../src/system/proc.ts'
import { freeze } from '../../freeze.ts'
import { bestOfThree } from '../best-of-three.ts'
import {
  exitOf,
  type Lab,
  type Node,
  ok,
  openLab,
  runAs,
  sessionAt,
  signalIdle,
  until,
} from './postgres-harness.ts'

let lab: Lab
let node: Node

beforeAll(async () => {
  lab = await openLab()
  process.env.PATRONI_SECRET = 'x'
  process.env.KUBERNETES_PORT = 'x'
  process.env.HACTL_SECRET = 'x'
  process.env.NOTIFY_SOCKET = '/run/x'
  process.env.FDW_SETTING = 'kept'
  node = await lab.primary('a')
  delete process.env.NOTIFY_SOCKET
})
afterAll(() => lab.close())

/** Tells bounded from hanging. */
const BOUND_MS = 15_000

/** Measures and prints. Limits here only tell bounded from hanging: that times are short is what test/bench sees to. */
async function timed<T>(what: string, work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const startMs = performance.now()
  const value = await work()
  const ms = Math.round(performance.now() - startMs)
  console.log(`${what}: ${ms} ms`)
  return { value, ms }
}

async function backendsOf(postmaster: number) {
  return await childrenOf(postmaster)
}

async function childrenOf(pid: number) {
  return (await listProcesses()).filter(found => found.parentPid === pid)
}

/** Sent, and not taken yet: as with a process that stands still. */
async function isInterruptPending(pid: number): Promise<boolean> {
  const pending = /^ShdPnd:\s*(\w+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
  return pending !== undefined && (BigInt(`0x${pending}`) & 2n) !== 0n
}

describe('a running primary', () => {
  test('look says what it is, with control data, without a restart pending', async () => {
    const view = await node.see()
    expect(view.process).toMatchObject({ kind: 'running', readiness: 'accepting' })
    expect(view.server).toMatchObject({
      known: true,
      value: { inRecovery: false, timeline: 1, controlTimeline: 1, replayPaused: false, pendingRestart: {} },
    })
    expect(view.dataDirectory).toMatchObject({
      kind: 'present',
      majorVersion: 150000,
      recoveryConfigured: false,
      backupLabel: false,
      control: { known: true, value: { state: 'in production', dataChecksums: true, walLogHints: true } },
      history: { known: true, value: [] },
    })
  })

  test('(P33, P04) children do not see the secrets of the agent, nor NOTIFY_SOCKET; other variables they do', async () => {
    const environment = await readFile(`/proc/${await node.pid()}/environ`, 'utf8')
    const names = environment.split('\0').map(entry => entry.split('=')[0])
    for (const hidden of ['PATRONI_SECRET', 'KUBERNETES_PORT', 'HACTL_SECRET', 'NOTIFY_SOCKET']) {
      expect(names).not.toContain(hidden)
    }
    expect(names).toContain('FDW_SETTING')
    expect(environment).toContain('PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj')
  })

  test('(P53, P38) it has a session of its own and usable standard streams', async () => {
    const postmaster = await readProcess(await node.pid())
    expect(postmaster?.session).toBe(postmaster?.pid)
    const own = await readProcess(process.pid)
    expect(postmaster?.session).not.toBe(own?.session)
  })

  test('(P03) one session looks, under its own name', async () => {
    let rows: readonly Record<string, unknown>[] = []
    // The session of the bootstrap was told to end, and may still be about it.
    await until('one session', async () => {
      rows = await node.query(
        `SELECT application_name, query FROM pg_stat_activity WHERE application_name LIKE 'hactl%'`,
      )
      return rows.length === 1
    })
    expect(rows.map(row => row.application_name)).toEqual(['hactl heartbeat'])
    expect(String(rows[0]?.query)).toContain('SELECT i.recovering')
  })

  test('what parameters are, by their names: their kinds and limits, near names, and no text that may be secret', async () => {
    await node.postgres.look(5000)
    const names = ['Work_Mem', 'primary_conninfo', 'wal_level', 'sort_mem', 'wrk_mem', 'my.setting']
    const answer = await node.postgres.parameterFacts(names, 2000)
    if (!answer.known) throw new Error(answer.why)
    const { parameters, unknown } = answer.value
    expect(parameters).toMatchObject([
      { name: 'work_mem', context: 'user', vartype: 'integer', unit: 'kB', min: '64', max: '2147483647' },
      { name: 'primary_conninfo', vartype: 'string', setting: null },
      { name: 'wal_level', context: 'postmaster', enumvals: ['minimal', 'replica', 'logical'] },
    ])
    // sort_mem is an old name of work_mem, which the server takes.
    expect(unknown.map(({ name }) => name)).toEqual(['wrk_mem', 'my.setting'])
    expect(unknown[0]?.similar).toContain('work_mem')
    const both = await Promise.all([1, 2].map(() => node.postgres.parameterFacts(names, 2000)))
    expect(both.map(({ known }) => known)).toEqual([true, false])
  })

  test('(P13) a look at rest starts no child process and sends one query', async () => {
    // What the server writes down before it answers: its statistics come late, and count autovacuum as well.
    const asked = async () =>
      (await readFile(`${node.directory}.hactl/postgres.log`, 'utf8'))
        .split('\n')
        .filter(line => /^hactl.*: LOG: +(statement|execute)/.test(line))
    await node.query(`ALTER SYSTEM SET log_line_prefix = '%a: '`)
    await node.query(`ALTER SYSTEM SET log_statement = 'all'`)
    await node.query('SELECT pg_reload_conf()')
    await until('the session to write down what it is asked', async () => {
      await node.see()
      return (await asked()).length > 0
    })
    const before = (await asked()).length
    const started = (await childrenOf(process.pid)).length
    for (let look = 0; look < 20; look += 1) await node.see()
    expect((await childrenOf(process.pid)).length).toBeLessThanOrEqual(started + 2)
    expect((await asked()).slice(before)).toHaveLength(20)
    await node.query('ALTER SYSTEM RESET log_line_prefix')
    await node.query('ALTER SYSTEM RESET log_statement')
    await node.query('SELECT pg_reload_conf()')
  })

  test('statement_timeout of a look: the server is unknown with the reason, but accepting (P02)', async () => {
    await node.query('CREATE TABLE IF NOT EXISTS lag (n int)')
    // The session that looks is made to be slow by a lock on a catalog that its query reads.
    const locker = await sessionAt(node.config.port)
    await locker.query('BEGIN; LOCK TABLE pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE')
    const { value: view, ms } = await timed('look against a locked catalog', () => node.see())
    await locker.query('ROLLBACK')
    await locker.end()
    expect(view.process).toMatchObject({ kind: 'running', readiness: 'accepting' })
    expect(view.server).toMatchObject({ known: false, why: expect.stringContaining('statement timeout') })
    expect(view.dataDirectory).toMatchObject({ control: { known: true } })
    expect(ms).toBeLessThan(BOUND_MS)
    expect((await node.see()).server.known).toBe(true)
  })
})

describe('death and restart', () => {
  /** Milliseconds from kill -9 to the word of `by`. */
  async function killed(by: Postgres, whose: string): Promise<number> {
    const pid = await node.pid()
    const exit = exitOf(by)
    const killedMs = performance.now()
    sendSignal(pid, 'SIGKILL')
    expect(await exit).toBe(true)
    const noticed = Math.round(performance.now() - killedMs)
    console.log(`exit of ${whose} noticed after ${noticed} ms`)
    return noticed
  }

  test('(P15, P14, P52) kill -9 is noticed at once; a restart in place accepts writes soon, same timeline', async () => {
    const noticed = await bestOfThree(100, async () => {
      const noticedMs = await killed(node.postgres, 'our own child')
      expect((await node.see()).process.kind).toBe('stopped')
      const { ms } = await timed('restart in place after kill -9, to the first write', async () => {
        await node.start()
        await node.query('CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1)')
      })
      expect(ms).toBeLessThan(BOUND_MS)
      expect((await node.server()).timeline).toBe(1)
      return noticedMs
    })
    expect(noticed).toBeLessThan(100)
  })

  test('a second adapter adopts the running server, and notices its death within 100 ms', async () => {
    const noticed = await bestOfThree(100, async () => {
      const second = node.again()
      const pid = await node.pid()
      const view = await second.look(5000)
      expect(view.process).toMatchObject({ kind: 'running', identity: { pid } })
      const noticedMs = await killed(second, 'an adopted server')
      // And starts it again.
      ok(await second.start({ as: 'primary', upstream: null, timeoutMs: 20_000 }, signalIdle()))
      await second.close()
      expect((await node.server()).inRecovery).toBe(false)
      return noticedMs
    })
    expect(noticed).toBeLessThan(100)
  })

  test('a server that still runs on the port of the former file is found there', async () => {
    const second = node.again({ port: node.config.port + 1 })
    expect(await second.look(5000)).toMatchObject({
      process: { readiness: 'accepting' },
      server: { known: true },
    })
    await second.close()
  })

  test('a server outlives the adapter that started it', async () => {
    const second = node.again()
    await node.stop()
    ok(await second.start({ as: 'primary', upstream: null, timeoutMs: 20_000 }, signalIdle()))
    await second.close()
    expect((await node.see()).process.kind).toBe('running')
  })

  test('backends that outlive their postmaster are ended before the next start', async () => {
    const pid = await node.pid()
    // A stopped backend cannot notice that its postmaster is gone.
    const busy = node.query('SELECT pg_sleep(60)').catch(() => 'lost')
    await until(
      'the sleeping backend',
      async () =>
        (await node.query(`SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'`)).length > 0,
    )
    const [row] = await node.query(`SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'`)
    await freeze(Number(row?.pid))
    sendSignal(pid, 'SIGKILL')
    await until('the postmaster to be gone', async () => (await node.see()).process.kind === 'stopped')
    expect(await readProcess(Number(row?.pid))).not.toBeNull()
    const { ms } = await timed('restart with an orphaned backend', () => node.start())
    expect(ms).toBeLessThan(BOUND_MS)
    await until('the backend to be gone', async () => (await readProcess(Number(row?.pid))) === null)
    await busy
  })
})

describe('stop', () => {
  test('fast: ends quickly, tells the shutdown position, and says it again when stopped', async () => {
    let told: ShutdownPosition | null = null
    const { value, ms } = await timed('fast stop', () =>
      node.postgres.stop(
        { mode: 'fast', checkpoint: true, timeoutMs: 20_000, onShutDown: position => (told = position) },
        signalIdle(),
      ),
    )
    expect(value).toMatchObject({ ok: true, position: told })
    expect(told).not.toBeNull()
    expect(ms).toBeLessThan(BOUND_MS)
    const view = await node.see()
    expect(view.process.kind).toBe('stopped')
    expect(view.dataDirectory).toMatchObject({ control: { known: true, value: { state: 'shut down' } } })
    const again = await node.postgres.stop({ mode: 'fast', checkpoint: false, timeoutMs: 1000 }, signalIdle())
    expect(again).toMatchObject({ ok: true, position: told })
    await node.start()
  })

  test('(P21) the position is told when the control file says shut down, though a slow archiver keeps the server', async () => {
    await node.stop()
    // Until the position was told: whoever tells it later has waited for the archiver.
    const told = join(lab.directory, 'told')
    const archiveCommand = `until test -f ${told}; do sleep 0.05; done`
    const slow = await lab.node('slow', {
      parameters: { archive_mode: 'on', archive_command: archiveCommand, archive_timeout: 0 },
    })
    ok(await slow.postgres.initdb(signalIdle(), () => {}))
    await slow.start()
    await slow.query('CREATE TABLE t AS SELECT 1; SELECT pg_switch_wal()')
    const pid = await slow.pid()
    let runs = false
    let position: ShutdownPosition | null = null
    const onShutDown = (found: ShutdownPosition) => {
      position = found
      runs = pidExists(pid)
      writeFileSync(told, '')
    }
    const outcome = await slow.postgres.stop(
      { mode: 'fast', checkpoint: true, timeoutMs: 20_000, onShutDown },
      signalIdle(),
    )
    expect(position).not.toBeNull()
    expect(outcome).toMatchObject({ ok: true, position })
    expect(runs).toBe(true)
    // Archiving switches WAL before the shutdown checkpoint: the record before it is that switch.
    const { previousLsn, checkpointLsn } = (position ?? {}) as ShutdownPosition
    expect(previousLsn).toBeLessThan(checkpointLsn)
    await node.start()
  })

  test('(P01, P20) a server that does not stop is killed with all its children after the timeout', async () => {
    const pid = await node.pid()
    const children = await backendsOf(pid)
    expect(children.length).toBeGreaterThan(3)
    await freeze(pid)
    const { value, ms } = await timed('stop of a frozen server, limit 300 ms', () =>
      node.postgres.stop({ mode: 'fast', checkpoint: false, timeoutMs: 300 }, signalIdle()),
    )
    expect(value).toMatchObject({ ok: true, position: null })
    expect(ms).toBeLessThan(BOUND_MS)
    // A process that ends has no directory any more, and has closed its files before it lost that.
    const places = children.map(({ pid }) => readlink(`/proc/${pid}/cwd`).catch(() => null))
    expect((await Promise.all(places)).filter(place => place !== null)).toEqual([])
    await node.start()
  })

  test('an aborted stop answers at once', async () => {
    const pid = await node.pid()
    await freeze(pid)
    const abort = new AbortController()
    const stopping = node.postgres.stop({ mode: 'fast', checkpoint: false, timeoutMs: null }, abort.signal)
    await until('the server to be told to stop', () => isInterruptPending(pid))
    abort.abort()
    expect(await stopping).toMatchObject({ ok: false, cancelled: true })
    sendSignal(pid, 'SIGCONT')
    await until('the fast shutdown to end', async () => (await node.see()).process.kind === 'stopped')
    await node.start()
  })
})

describe('start', () => {
  test('(P41) a stale postmaster.pid with the pid of a living stranger: start succeeds', async () => {
    await node.stop()
    const stranger: ChildProcess = spawn('sleep', ['300'], { stdio: 'ignore', ...runAs })
    const path = join(node.directory, 'postmaster.pid')
    await writeFile(path, `${stranger.pid}\n${node.directory}\n1\n${node.config.port}\n\n\n\n`)
    expect((await node.see()).process.kind).toBe('stopped')
    await node.start()
    expect((await readFile(path, 'utf8')).split('\n')[0]).toBe(String(await node.pid()))
    expect(stranger.exitCode).toBeNull()
    stranger.kill('SIGKILL')
  })

  test('(P48) the pid of our own process, or garbage, in postmaster.pid is not our postmaster', async () => {
    await node.stop()
    for (const text of [`${process.pid}\n`, `${process.ppid}\n`, 'garbage\n', '', '999999999\n']) {
      await writeFile(join(node.directory, 'postmaster.pid'), text)
      expect((await node.see()).process.kind).toBe('stopped')
    }
    await rm(join(node.directory, 'postmaster.pid'))
    await node.start()
  })

  test('(P35) a server that ends while starting: the reason is told, nothing runs', async () => {
    await node.stop()
    const conf = join(node.directory, 'postgresql.base.conf')
    const text = await readFile(conf, 'utf8')
    await writeFile(conf, `${text}\nshared_preload_libraries = 'not_there'\n`)
    const outcome = await node.postgres.start(
      { as: 'primary', upstream: null, timeoutMs: 20_000 },
      signalIdle(),
    )
    expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining('not_there') })
    expect((await node.see()).process.kind).toBe('stopped')
    await writeFile(conf, text)
    await node.start()
  })

  test('a port that somebody else listens on is named as the reason', async () => {
    await node.stop()
    const stranger = createServer().listen(node.config.port, '127.0.0.1')
    await once(stranger, 'listening')
    const outcome = await node.postgres.start(
      { as: 'primary', upstream: null, timeoutMs: 20_000 },
      signalIdle(),
    )
    expect(outcome).toMatchObject({
      ok: false,
      why: expect.stringMatching(
        /could not bind IPv4 address "127\.0\.0\.1": Address already in use; .*; could not create any TCP\/IP sockets; port \d+ is held by .+ \(pid \d+, in .+\)$/,
      ),
    })
    stranger.close()
    await once(stranger, 'close')
    await node.start()
  })

  test('(P18) PG_VERSION missing: nothing is written, the start is refused', async () => {
    await node.stop()
    const path = join(node.directory, 'PG_VERSION')
    const conf = join(node.directory, 'postgresql.conf')
    await rm(path)
    await writeFile(conf, 'untouched')
    const outcome = await node.postgres.start(
      { as: 'primary', upstream: null, timeoutMs: 1000 },
      signalIdle(),
    )
    expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining('PG_VERSION') })
    expect(await readFile(conf, 'utf8')).toBe('untouched')
    await writeFile(path, '15\n')
    await rm(conf)
    await node.start()
  })

  test('a cancelled start leaves no server behind', async () => {
    await node.stop()
    const abort = new AbortController()
    const outcome = await node.postgres.start(
      { as: 'primary', upstream: null, timeoutMs: 20_000, onSpawned: () => abort.abort() },
      abort.signal,
    )
    expect(outcome).toMatchObject({ ok: false, cancelled: true })
    expect((await node.see()).process.kind).toBe('stopped')
    await node.start()
  })

  test('onSpawned tells the identity before the server accepts', async () => {
    await node.stop()
    let told = ''
    await node.start({ onSpawned: identity => (told = `${identity.pid}/${identity.startTicks}`) })
    const { process: running } = await node.see()
    expect(running.kind === 'running' && `${running.identity.pid}/${running.identity.startTicks}`).toBe(told)
  })
})

describe('hangs', () => {
  test('postmaster stopped: the open session still answers; without one the server is unknown in time', async () => {
    const pid = await node.pid()
    await freeze(pid)
    try {
      expect((await node.postgres.look(5000)).server.known).toBe(true)
      const second = node.again()
      const { value: view, ms } = await timed('look at a stopped postmaster, budget 3000 ms', () =>
        second.look(3000),
      )
      expect(view.process).toMatchObject({ kind: 'running', readiness: 'unknown' })
      expect(view.server).toMatchObject({ known: false, why: expect.stringContaining('no answer') })
      expect(view.dataDirectory).toMatchObject({ kind: 'present', control: { known: true } })
      expect(ms).toBeLessThan(BOUND_MS)
      await second.close()
    } finally {
      sendSignal(pid, 'SIGCONT')
    }
  })

  test('backend of the kept session stopped: unknown in time, and well again with a new session', async () => {
    let rows: readonly Record<string, unknown>[] = []
    await until('one session', async () => {
      await node.see()
      rows = await node.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'hactl heartbeat'`)
      return rows.length === 1
    })
    const session = Number(rows[0]?.pid)
    await freeze(session)
    const { value: view, ms } = await timed('look with a stopped backend, budget 800 ms', () =>
      node.postgres.look(800),
    )
    expect(view.server.known).toBe(false)
    expect(ms).toBeLessThan(BOUND_MS)
    expect((await node.postgres.look(5000)).server.known).toBe(true)
    const before = await backendsOf(await node.pid())
    sendSignal(session, 'SIGKILL')
    // A killed backend makes the postmaster restart all others.
    await until('the old processes to be gone', async () => {
      const now = (await backendsOf(await node.pid())).map(backend => backend.pid)
      return before.every(backend => !now.includes(backend.pid))
    })
    await until('recovery after the crash', async () => (await node.see()).server.known)
  })

  test('a session that ended unnoticed is replaced within the same look', async () => {
    await node.see()
    await node.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hactl heartbeat'`,
    )
    expect((await node.see()).server.known).toBe(true)
  })
})
