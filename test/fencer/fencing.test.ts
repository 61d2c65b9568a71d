// The promise of the fencer: a PostgreSQL whose lease has ended acknowledges nothing, whatever became of the agent.
// Real agents (killed, stopped), a real PostgreSQL, a writer that counts.

import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FencerView } from '../../src/ports/fencer.ts'
import { freeze } from '../freeze.ts'
import { Agent, buildFencer, clock, lives, processesIn, Server, startTicks, until, Writer } from './stage.ts'

/** The contract: nothing is acknowledged later than the grace behind the deadline. (Measured: about 10 ms.) */
const LATE_ACK_MS = 300

let home = ''
let binary = ''
let state = ''
let server: Server
let agents: Agent[] = []

beforeAll(async () => {
  home = await mkdtemp('/tmp/hactl-fencer-')
  binary = buildFencer(home)
  server = await Server.create()
}, 60_000)

beforeEach(async () => {
  state = await mkdtemp(join(home, 'state-'))
})

afterEach(async () => {
  for (const agent of agents) await agent.kill()
  agents = []
  const { pid } = await fencerIdentity().catch(() => ({ pid: 0 }))
  if (pid > 0) await until('the fencer is gone', 8000, async () => !(await lives(pid)))
})

afterAll(async () => {
  await server.remove()
  await rm(home, { recursive: true, force: true })
})

function newAgent(dataDir = server.dataDir): Agent {
  const agent = new Agent(binary, dataDir, state)
  agents.push(agent)
  return agent
}

async function fencerIdentity(): Promise<{ readonly pid: number; readonly startTicks: string }> {
  return JSON.parse(await readFile(join(state, 'fencer.json'), 'utf8'))
}

async function records(): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(join(state, 'fencer-record.jsonl'), 'utf8')
  return text.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
}

/** What the fencer wrote down of the one time it acted. It writes when everything is gone: a moment later than that. */
async function theRecord(): Promise<Record<string, unknown>> {
  await until('the record is written', 2000, async () => (await records()).length > 0)
  const [record, ...more] = await records()
  expect(more).toEqual([])
  return record ?? {}
}

async function expectStopped(): Promise<void> {
  await until(
    'nothing works in the data directory',
    5000,
    async () => (await processesIn(server.dataDir)).length === 0,
  )
}

test('an agent that is stopped: no commit is acknowledged after the deadline', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  const { ok, deadlineMs } = await agent.arm(1500, postmaster)
  expect(ok).toBe(true)
  const writer = await Writer.start(server, 4)
  await freeze(agent.child.pid ?? 0)
  await writer.stopped()
  await expectStopped()
  const stoppedMs = clock.bootMs()
  console.log(
    `fencer: ${writer.acknowledged} commits, last acknowledged ${writer.lastAckMs - deadlineMs} ms after the deadline,` +
      ` PostgreSQL gone ${stoppedMs - deadlineMs} ms after it`,
  )
  expect(writer.lastAckMs).toBeGreaterThan(deadlineMs - 500)
  expect(writer.lastAckMs).toBeLessThan(deadlineMs + LATE_ACK_MS)
  expect(await theRecord()).toMatchObject({ pid: postmaster.pid, deadlineMs, left: 0, orphaned: false })
  agent.child.kill('SIGCONT')
  const view = () => agent.order<FencerView>({ do: 'view' })
  await until('the agent has read what its fencer did', 2000, async () => (await view()).lastFence !== null)
  expect(await view()).toMatchObject({
    alive: true,
    armedUntilMs: null,
    lastFence: { pid: postmaster.pid, deadlineMs },
  })
})

test('an agent that is killed: the fencer keeps the deadline, no sooner and no later', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  const { deadlineMs } = await agent.arm(1200, postmaster)
  const writer = await Writer.start(server, 2)
  await agent.kill()
  await writer.stopped()
  expect(writer.lastAckMs).toBeGreaterThan(deadlineMs - 300)
  expect(writer.lastAckMs).toBeLessThan(deadlineMs + LATE_ACK_MS)
  await expectStopped()
  expect(await theRecord()).toMatchObject({ orphaned: true, deadlineMs })
})

test('a postmaster and backends that are stopped are killed after the grace', async () => {
  const postmaster = await server.start()
  const client = server.client()
  await client.connect()
  const backends = (await processesIn(server.dataDir)).filter(pid => pid !== postmaster.pid)
  expect(backends.length).toBeGreaterThan(3)
  for (const pid of [postmaster.pid, ...backends]) await freeze(pid)
  const agent = newAgent()
  await agent.arm(300, postmaster)
  await expectStopped()
  expect(await theRecord()).toMatchObject({
    signal: 'SIGQUIT+SIGKILL',
    left: 0,
    killed: backends.length + 1,
  })
  await client.end().catch(() => {})
})

test('a stopped postmaster: its running backends acknowledge nothing during the grace either', async () => {
  const postmaster = await server.start()
  const writer = await Writer.start(server, 2)
  const agent = newAgent()
  const { deadlineMs } = await agent.arm(300, postmaster)
  await freeze(postmaster.pid)
  await writer.stopped()
  await expectStopped()
  expect(writer.lastAckMs).toBeLessThan(deadlineMs + LATE_ACK_MS)
})

test('backends that outlived a killed postmaster are found by their data directory', async () => {
  const postmaster = await server.start()
  const client = server.client()
  await client.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const backend = Number(rows[0].pid)
  const agent = newAgent()
  const busy = client.query('select count(*) from generate_series(1, 1000000000)').catch(() => null)
  expect((await agent.arm(700, postmaster)).ok).toBe(true)
  process.kill(postmaster.pid, 'SIGKILL')
  await until('the postmaster is gone', 2000, async () => !(await lives(postmaster.pid)))
  expect(await lives(backend)).toBe(true)
  // A process that ends loses its directory (and before it, its sockets) a moment before it is gone.
  await expectStopped()
  await until('the backend is gone', 1000, async () => !(await lives(backend)))
  await busy
  await client.end().catch(() => {})
})

test('armed before the postmaster exists: whatever runs in the data directory is stopped', async () => {
  const agent = newAgent()
  expect((await agent.arm(60_000)).ok).toBe(true)
  await server.start()
  const { ok, deadlineMs } = await agent.arm(300)
  expect(ok).toBe(true)
  await expectStopped()
  expect(clock.bootMs()).toBeGreaterThanOrEqual(deadlineMs)
  await theRecord()
})

test('a data directory reached by a symbolic link, many busy backends, no postmaster named', async () => {
  await server.start()
  const link = join(state, 'link')
  await symlink(server.dataDir, link)
  const writer = await Writer.start(server, 40)
  const { deadlineMs } = await newAgent(link).arm(300)
  await writer.stopped()
  await expectStopped()
  expect(writer.lastAckMs).toBeLessThan(deadlineMs + LATE_ACK_MS)
  const record = await theRecord()
  console.log(`fencer: 40 busy backends gone in ${record.tookMs} ms`)
  expect(record).toMatchObject({ pid: 0, left: 0 })
  expect(Number(record.quit)).toBeGreaterThan(40)
})

test('a restarted agent takes over: the old fencer goes, nothing is stopped, writes go on', async () => {
  const postmaster = await server.start()
  const first = newAgent()
  await first.arm(1500, postmaster)
  const old = await fencerIdentity()
  const writer = await Writer.start(server, 2)
  await first.kill()
  expect(await lives(old.pid)).toBe(true)
  const second = newAgent()
  const { ok, deadlineMs } = await second.arm(60_000, postmaster)
  expect(ok).toBe(true)
  expect(await startTicks(old.pid)).not.toBe(old.startTicks)
  expect((await fencerIdentity()).pid).not.toBe(old.pid)
  await until('the old deadline has passed', 3000, () => clock.bootMs() > deadlineMs - 60_000 + 1800)
  const before = writer.acknowledged
  await until('writes go on', 2000, () => writer.acknowledged > before + 20)
  expect(await records()).toEqual([])
  expect(await second.order({ do: 'disarm' })).toEqual({ ok: true })
  await stopServer(postmaster.pid)
})

test('an agent that restarts on a node that no longer is primary relieves the old fencer by disarming', async () => {
  const postmaster = await server.start()
  const first = newAgent()
  await first.arm(2000, postmaster)
  const old = await fencerIdentity()
  await first.kill()
  const second = newAgent()
  expect(await second.order({ do: 'disarm' })).toEqual({ ok: true })
  expect(await lives(old.pid)).toBe(false)
  expect(await lives(postmaster.pid)).toBe(true)
  await stopServer(postmaster.pid)
})

test('a moved deadline does not fire; the last one does', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  const started = clock.bootMs()
  let last = 0
  for (let renewal = 0; renewal < 8; renewal++) {
    const { ok, deadlineMs } = await agent.arm(400, postmaster)
    expect(ok).toBe(true)
    last = deadlineMs
    await until('half of the time is over', 2000, () => clock.bootMs() > deadlineMs - 200)
  }
  expect(clock.bootMs() - started).toBeGreaterThan(1200)
  expect(await lives(postmaster.pid)).toBe(true)
  await expectStopped()
  expect(clock.bootMs()).toBeGreaterThanOrEqual(last)
})

async function stopServer(postmaster: number): Promise<void> {
  process.kill(postmaster, 'SIGINT')
  await expectStopped()
}
