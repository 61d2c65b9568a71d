// The promise of the fencer: a PostgreSQL whose lease has ended acknowledges nothing, whatever became of the agent.
// Real agents (killed, stopped), a real PostgreSQL, a writer that counts. Everything is brought in place under a deadline
// far away; the near one comes last, so that no slow machine can reach it too early.

import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FencerView } from '../../src/ports/fencer.ts'
import { freeze } from '../freeze.ts'
import { memoryDirectory } from '../memory-directory.ts'
import {
  Agent,
  buildFencer,
  hasPassed,
  lives,
  processesIn,
  Server,
  startTicks,
  toleratesGone,
  until,
  Writer,
} from './stage.ts'
import { Stalls } from './stalls.ts'

/** The contract: nothing is acknowledged later than the grace behind the deadline. (Measured: about 10 ms.) */
const LATE_ACK_MS = 300

let home = ''
let binary = ''
let state = ''
let server: Server
let stalls: Stalls
let agents: Agent[] = []

beforeAll(async () => {
  home = await mkdtemp('/tmp/hactl-fencer-')
  binary = buildFencer(home)
  server = await Server.create()
  stalls = await Stalls.start()
}, 60_000)

beforeEach(async () => {
  // In memory: a disk that stands still would hold up who takes over from a dead agent.
  state = await memoryDirectory('hactl-fencer-')
  await stalls.forget()
})

afterEach(async ({ task }) => {
  for (const agent of agents) await agent.kill()
  agents = []
  const { pid } = await fencerIdentity().catch(() => ({ pid: 0 }))
  if (task.result?.state === 'fail') await clearUp(pid)
  if (pid > 0) await until('the fencer is gone', async () => !(await lives(pid)))
  await rm(state, { recursive: true, force: true })
})

/** What a failed test leaves, armed and running, would make the next ones fail as well. */
async function clearUp(fencer: number): Promise<void> {
  try {
    if (fencer > 0) process.kill(fencer, 'SIGTERM')
  } catch (error) {
    toleratesGone(error)
  }
  await server.kill()
}

afterAll(async () => {
  stalls.stop()
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
  await until('the record is written', async () => (await records()).length > 0)
  const [record, ...more] = await records()
  expect(more).toEqual([])
  return record ?? {}
}

async function expectStopped(): Promise<void> {
  await until(
    'nothing works in the data directory',
    async () => (await processesIn(server.dataDir)).length === 0,
  )
}

/** What the machine did to the fencer is not the fencer's: to this process here, or to a processor that it ran on. */
async function stallMs(writer: Writer): Promise<number> {
  return Math.max(writer.stallMs(), await stalls.longestMs())
}

/** Fenced once, no sooner than the deadline; nothing was acknowledged later than the grace behind it. */
async function expectFencedInTime(writer: Writer, deadlineMs: number): Promise<Record<string, unknown>> {
  await writer.stopped()
  expect(hasPassed(deadlineMs)).toBe(true)
  await expectStopped()
  const record = await theRecord()
  const limitMs = LATE_ACK_MS + (await stallMs(writer))
  expect(writer.lastCommitMs - deadlineMs).toBeLessThan(limitMs)
  expect(record).toMatchObject({ deadlineMs, left: 0 })
  expect(record.lateMs).toBeGreaterThanOrEqual(0)
  expect(record.lateMs).toBeLessThan(limitMs)
  return record
}

test('an agent that is stopped: no commit is acknowledged after the deadline', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  await agent.arm(postmaster)
  const writer = await Writer.start(server, 4)
  const deadlineMs = await agent.armSoon(1500, postmaster)
  await freeze(agent.child.pid ?? 0)
  const record = await expectFencedInTime(writer, deadlineMs)
  console.log(
    `fencer: ${writer.acknowledged} commits, the last ${Math.round(writer.lastCommitMs - deadlineMs)} ms after the deadline,` +
      ` PostgreSQL gone ${Number(record.lateMs) + Number(record.tookMs)} ms after it`,
  )
  expect(record).toMatchObject({ pid: postmaster.pid, orphaned: false })
  agent.child.kill('SIGCONT')
  const view = () => agent.order<FencerView>({ do: 'view' })
  await until('the agent has read what its fencer did', async () => (await view()).armedUntilMs === null)
  expect(await view()).toMatchObject({ alive: true })
})

test('an agent that is killed: the fencer keeps the deadline, no sooner and no later', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  await agent.arm(postmaster)
  const writer = await Writer.start(server, 2)
  const deadlineMs = await agent.armSoon(1500, postmaster)
  await agent.kill()
  expect(await expectFencedInTime(writer, deadlineMs)).toMatchObject({ orphaned: true })
})

test('a postmaster and backends that are stopped are killed after the grace', async () => {
  const postmaster = await server.start()
  const client = server.client()
  await client.connect()
  const agent = newAgent()
  await agent.arm(postmaster)
  // The postmaster first: from then on no process is added. One that was about to end, such as a refused connection's, may.
  await freeze(postmaster.pid)
  const backends = (await processesIn(server.dataDir)).filter(pid => pid !== postmaster.pid)
  for (const pid of backends) await freeze(pid).catch(toleratesGone)
  const frozen = await processesIn(server.dataDir)
  expect(frozen.length).toBeGreaterThan(4)
  await agent.armSoon(300, postmaster)
  await expectStopped()
  expect(await theRecord()).toMatchObject({ signal: 'SIGQUIT+SIGKILL', left: 0, killed: frozen.length })
  await client.end().catch(() => {})
})

test('a stopped postmaster: its running backends acknowledge nothing during the grace either', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  await agent.arm(postmaster)
  const writer = await Writer.start(server, 2)
  await freeze(postmaster.pid)
  const deadlineMs = await agent.armSoon(300, postmaster)
  const record = await expectFencedInTime(writer, deadlineMs)
  // Each was told by the fencer itself, when it began and not when the grace of 300 ms was over.
  expect(record.quit).toBeGreaterThan(3)
  const begunMs = deadlineMs + Number(record.lateMs)
  expect(writer.lastCommitMs - begunMs).toBeLessThan(200 + (await stallMs(writer)))
})

test('backends that outlived a killed postmaster are found by their data directory', async () => {
  const postmaster = await server.start()
  const client = server.client()
  await client.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const backend = Number(rows[0].pid)
  const agent = newAgent()
  await agent.arm(postmaster)
  const busy = client.query('do $$ begin loop end loop; end $$').catch(() => null)
  // An idle one would see the postmaster's end and go.
  await until('it is busy', async () => / DO\b/.test(await readFile(`/proc/${backend}/cmdline`, 'utf8')))
  process.kill(postmaster.pid, 'SIGKILL')
  await until('the postmaster is gone', async () => !(await lives(postmaster.pid)))
  expect(await lives(backend)).toBe(true)
  await agent.armSoon(300, postmaster)
  // A process that ends loses its directory (and before it, its sockets) a moment before it is gone.
  await expectStopped()
  await until('the backend is gone', async () => !(await lives(backend)))
  await busy
  await client.end().catch(() => {})
})

test('armed before the postmaster exists: whatever runs in the data directory is stopped', async () => {
  const agent = newAgent()
  await agent.arm()
  await server.start()
  const deadlineMs = await agent.armSoon(300)
  await expectStopped()
  expect(hasPassed(deadlineMs)).toBe(true)
  expect(await theRecord()).toMatchObject({ deadlineMs, left: 0 })
})

test('a data directory reached by a symbolic link, many busy backends, no postmaster named', async () => {
  await server.start()
  const link = join(state, 'link')
  await symlink(server.dataDir, link)
  const agent = newAgent(link)
  await agent.arm()
  const writer = await Writer.start(server, 40)
  const record = await expectFencedInTime(writer, await agent.armSoon(300))
  console.log(`fencer: 40 busy backends gone in ${record.tookMs} ms`)
  expect(record).toMatchObject({ pid: 0 })
  // The postmaster, told first, tells them too: those that obey it at once need no signal of ours.
  expect(record.quit).toBeGreaterThanOrEqual(1)
})

test('a restarted agent takes over: the old fencer goes, nothing is stopped, writes go on', async () => {
  const postmaster = await server.start()
  const first = newAgent()
  await first.arm(postmaster)
  const old = await fencerIdentity()
  const second = newAgent()
  await second.order({ do: 'view' })
  const writer = await Writer.start(server, 2)
  const oldDeadlineMs = await first.armSoon(8000, postmaster)
  await first.kill()
  expect(await lives(old.pid)).toBe(true)
  await second.arm(postmaster)
  await until('the old fencer is gone', async () => (await startTicks(old.pid)) !== old.startTicks)
  expect((await fencerIdentity()).pid).not.toBe(old.pid)
  await until('the old deadline has passed', () => hasPassed(oldDeadlineMs + 300))
  const before = writer.acknowledged
  await until('writes go on', () => writer.acknowledged > before + 20)
  expect(await records()).toEqual([])
  expect(await second.order({ do: 'disarm' })).toEqual({ ok: true })
  await stopServer(postmaster.pid)
})

test('an agent that restarts on a node that no longer is primary relieves the old fencer by disarming', async () => {
  const postmaster = await server.start()
  const first = newAgent()
  await first.arm(postmaster)
  const old = await fencerIdentity()
  await first.kill()
  const second = newAgent()
  expect(await second.order({ do: 'disarm' })).toEqual({ ok: true })
  expect(await startTicks(old.pid)).not.toBe(old.startTicks)
  expect(await lives(postmaster.pid)).toBe(true)
  await stopServer(postmaster.pid)
})

test('a moved deadline does not fire; the last one does', async () => {
  const postmaster = await server.start()
  const agent = newAgent()
  await agent.arm(postmaster)
  for (let renewal = 0; renewal < 3; renewal++) {
    const movedMs = await agent.armSoon(3000, postmaster)
    await agent.arm(postmaster)
    await until('the moved deadline has passed', () => hasPassed(movedMs + 100))
    expect(await lives(postmaster.pid)).toBe(true)
  }
  const lastMs = await agent.armSoon(300, postmaster)
  await expectStopped()
  expect(hasPassed(lastMs)).toBe(true)
  expect(await theRecord()).toMatchObject({ deadlineMs: lastMs })
})

async function stopServer(postmaster: number): Promise<void> {
  process.kill(postmaster, 'SIGINT')
  await expectStopped()
}
